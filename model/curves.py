"""The picture of a training run, drawn from its metrics."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SMOOTHED = 50  # points of the training loss that its mean line looks back on, at most


def draw(metrics: Path, picture: Path) -> None:
    """Loss by step, and what was measured on validation data; `metrics` beside it is the data."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    validation = sorted({name for row in rows for name in row if name.startswith("val_")})
    figure, axes = pyplot.subplots(1, 1 + len(validation), figsize=(4.5 * (1 + len(validation)), 3.2), squeeze=False)
    steps, losses = _points(rows, "loss")
    axes[0, 0].plot(steps, losses, color="tab:gray", alpha=0.4, linewidth=0.6)
    axes[0, 0].plot(steps, _trailing_mean(losses), color="tab:blue")
    axes[0, 0].set(title="training loss", xlabel="step", ylabel="nats")
    for axis, name in zip(axes[0, 1:], validation, strict=True):
        steps, values = _points(rows, name)
        axis.plot(steps, values, marker="o", markersize=3, color="tab:orange")
        axis.annotate(f"{values[-1]:.3f}", (steps[-1], values[-1]), textcoords="offset points", xytext=(-8, 8))
        axis.set(title=name.removeprefix("val_").replace("_", " ") + ", validation", xlabel="step")
    figure.tight_layout()
    figure.savefig(picture, dpi=110, metadata={"Software": None})  # no version inside: same data, same bytes
    pyplot.close(figure)


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    having = [row for row in rows if name in row]
    return [row["step"] for row in having], [row[name] for row in having]


def _trailing_mean(values: Sequence[float]) -> list[float]:
    window = max(1, min(SMOOTHED, len(values) // 10))
    return [sum(part) / len(part) for n in range(len(values)) if (part := values[max(0, n + 1 - window) : n + 1])]
