"""Pictures beside an artifact's numbers, as SVG files that MLflow's pages show: training, scores, confusion."""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from tasks.report.svg import Plot, Points, curves, heat_map, intervals, standalone

SMOOTHED_STEPS = 50  # that the mean line of a loss covers, at most
UNITS = {"loss": "nats", "bits per byte": "bits per byte", "accuracy": "share"}
POINTS_TO_SMOOTH = 20  # a loss with fewer is drawn without a mean line


def draw_training(metrics: Path, picture: Path) -> None:
    """Loss by step, and what was measured on validation data; `metrics` is the metrics.jsonl of a training."""
    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    picture.write_text(standalone(training_plots(rows)), encoding="utf-8")


def draw_scores(summary: Mapping[str, Mapping[str, Any]], model: str, picture: Path) -> None:
    """Each task's value with its 95 % interval, beside its baselines."""
    plots = []
    for task, entry in summary.items():
        rows = [(model, entry["value"], entry["low"], entry["high"])]
        rows += [(name, value, None, None) for name, value in entry["baselines"].items()]
        plots.append(intervals(f"{task}: {entry['better']} is better, {entry['items']:,} items", rows))
    picture.write_text(standalone(plots), encoding="utf-8")


def draw_confusion(counts: Sequence[Sequence[float]], labels: Sequence[str], picture: Path) -> None:
    """Counts of predicted labels (columns) for each true label (rows), coloured by their share of the row."""
    plot = heat_map("true label (row) and predicted label (column)", labels, counts)
    picture.write_text(standalone([plot]), encoding="utf-8")


def training_plots(rows: Sequence[Mapping[str, Any]]) -> list[Plot]:
    """The curves of a metrics.jsonl: training loss, then everything that was measured on validation data."""
    plots, losses = [], points(rows, "loss")
    if losses:
        smoothed = {"each step": losses, "mean": moving_mean(losses)}
        series = smoothed if len(losses) >= POINTS_TO_SMOOTH else {"loss": losses}
        plots.append(curves("training loss", "step", "nats", series))
    for name in sorted({name for row in rows for name in row if name.startswith("val_")}):
        measured = name.removeprefix("val_").replace("_", " ")
        measurements = points(rows, name)
        title, unit = f"{measured}, validation", UNITS.get(measured, "")
        plots.append(
            curves(title, "step", unit, {measured: measurements})
            if len(measurements) > 1
            else intervals(f"{title}, once", [(f"after step {measurements[0][0]:,}", measurements[0][1], None, None)])
        )
    return plots


def points(rows: Sequence[Mapping[str, Any]], name: str) -> Points:
    """(step, value) of the rows that have the value."""
    return [(row["step"], row[name]) for row in rows if row.get(name) is not None]


def moving_mean(series: Points) -> Points:
    """(step, mean of the values around it), over at most SMOOTHED_STEPS points and a tenth of the series."""
    half = max(0, min(SMOOTHED_STEPS, len(series) // 10) // 2)
    sums = [0.0, *accumulate(value for _, value in series)]
    around = ((max(0, n - half), min(len(series), n + half + 1)) for n in range(len(series)))
    return [(step, (sums[b] - sums[a]) / (b - a)) for (step, _), (a, b) in zip(series, around, strict=True)]
