"""The scores of one evaluation: a row an item and contestant, a figure with its interval a task, and a picture.

scores.parquet   model, task, item_id, score, weight, contaminated; sum(score · weight) / sum(weight) is the figure
summary.json     {task: {figure, low, high, items, better, baselines: {name: figure}}}
scores.png       each figure with its interval beside its baselines
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tasks.evaluate.intervals import mean_interval

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Items:
    """What is scored in one task: parallel lists."""

    ids: Sequence[str]
    origins: Sequence[str]
    weights: Sequence[float]
    contaminated: Sequence[bool | None]


@dataclass
class ScoreTable:
    """Scores as they come in; `role` names the model itself among the contestants."""

    role: str
    draws: int
    seed: int
    rows: list[tuple[str, str, str, float, float, bool | None]] = field(default_factory=list)
    summary: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, task: str, items: Items, scores: Sequence[float], better: Better) -> None:
        """The model's own scores on a task."""
        figure, low, high = self._enter(self.role, task, items, scores)
        self.summary[task] = {
            "figure": figure,
            "low": low,
            "high": high,
            "items": len(scores),
            "better": better,
            "baselines": {},
        }

    def add_baseline(self, name: str, task: str, items: Items, scores: Sequence[float]) -> None:
        """Another contestant's scores on a task the model has scores on."""
        self.summary[task]["baselines"][name] = self._enter(name, task, items, scores)[0]

    def add_figure(
        self, task: str, figure: tuple[float, float, float], items: int, baselines: Mapping[str, float]
    ) -> None:
        """A figure that is no mean over items (macro-F1), higher being better."""
        value, low, high = figure
        own = {"figure": value, "low": low, "high": high, "items": items, "better": "higher"}
        self.summary[task] = {**own, "baselines": dict(baselines)}

    def metrics(self) -> dict[str, float]:
        """The figures, flat: task → figure and task/baseline → figure."""
        flat: dict[str, float] = {}
        for task, entry in self.summary.items():
            flat[task] = entry["figure"]
            flat |= {f"{task}/{name}": figure for name, figure in entry["baselines"].items()}
        return flat

    def write(self, out: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        types = {"model": pa.string(), "task": pa.string(), "item_id": pa.string(), "score": pa.float64()}
        types |= {"weight": pa.float64(), "contaminated": pa.bool_()}
        columns = [list(column) for column in zip(*self.rows, strict=True)] or [[] for _ in types]
        parquet.write_table(pa.table(columns, schema=pa.schema(types)), out / "scores.parquet", compression="zstd")
        text = json.dumps(self.summary, indent=1, ensure_ascii=False, allow_nan=False)
        (out / "summary.json").write_text(text + "\n", encoding="utf-8")
        _draw(self.summary, self.role, out / "scores.png")

    def _enter(self, model: str, task: str, items: Items, scores: Sequence[float]) -> tuple[float, float, float]:
        columns = zip(items.ids, scores, items.weights, items.contaminated, strict=True)
        self.rows += [(model, task, item, float(score), float(weight), dirty) for item, score, weight, dirty in columns]
        return mean_interval(np.array(scores), np.array(items.weights), items.origins, self.draws, self.seed)


def _draw(summary: Mapping[str, Mapping[str, Any]], role: str, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, max(1.5, 1.1 * len(summary))), layout="constrained")
    for number, (task, entry) in enumerate(summary.items(), start=1):
        axes = figure.add_subplot(len(summary), 1, number)
        values = {role: entry["figure"], **entry["baselines"]}
        colours = ["tab:blue"] + ["lightgrey"] * len(entry["baselines"])
        axes.barh(list(values), list(values.values()), color=colours)
        reach = [[max(0.0, entry["figure"] - entry["low"])], [max(0.0, entry["high"] - entry["figure"])]]
        axes.errorbar([entry["figure"]], [role], xerr=reach, color="black", capsize=3)
        axes.invert_yaxis()
        axes.set_title(f"{task}: {entry['better']} is better, {entry['items']} items", loc="left", fontsize=9)
        axes.tick_params(labelsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})
