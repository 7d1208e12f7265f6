"""The scores of one evaluation: one row per item and model, one value with its interval per task, and a picture.

scores.parquet   model, task, item_id, score, weight, contaminated, origin (the text that the item was cut from); a
                 task's value is sum(score · weight) / sum(weight)
summary.json     {task: {value, low, high, items, better, baselines: {name: value}}}
scores.svg       each value with its interval beside its baselines
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
    """The scores entered so far; `role` is the name of the evaluated model itself."""

    role: str
    draws: int
    seed: int
    rows: list[tuple[str, str, str, float, float, bool | None, str]] = field(default_factory=list)
    summary: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, task: str, items: Items, scores: Sequence[float], better: Better) -> None:
        """The model's own scores on a task."""
        value, low, high = self._enter(self.role, task, items, scores)
        row = {"value": value, "low": low, "high": high, "items": len(scores), "better": better}
        self.summary[task] = {**row, "baselines": {}}

    def add_baseline(self, name: str, task: str, items: Items, scores: Sequence[float]) -> None:
        """Another model's scores on a task that the evaluated model has scores on."""
        self.summary[task]["baselines"][name] = self._enter(name, task, items, scores)[0]

    def add_sample(self, task: str, whole: str, items: Items) -> None:
        """Some items of the task `whole` as a task: the model's scores there, and those of every baseline with them."""
        scores: dict[str, dict[str, float]] = {}
        for model, of, item, score, *_ in self.rows:
            if of == whole:
                scores.setdefault(model, {})[item] = score
        own = scores.pop(self.role)
        self.add(task, items, [own[item] for item in items.ids], self.summary[whole]["better"])
        for name, theirs in scores.items():
            if theirs.keys() >= set(items.ids):  # xz has one score for all items together
                self.add_baseline(name, task, items, [theirs[item] for item in items.ids])
        order = list(self.summary)
        order.insert(order.index(whole) + 1, order.pop())  # read together
        self.summary = {name: self.summary[name] for name in order}

    def add_metric(
        self, task: str, estimate: tuple[float, float, float], items: int, baselines: Mapping[str, float]
    ) -> None:
        """A metric that is no mean over items (macro-F1), higher being better; `estimate` is (value, low, high)."""
        value, low, high = estimate
        row = {"value": value, "low": low, "high": high, "items": items, "better": "higher"}
        self.summary[task] = {**row, "baselines": dict(baselines)}

    def values(self) -> list[dict[str, Any]]:
        """One row per task: task, value, low, high, items, better."""
        return [
            {"task": task, **{name: value for name, value in row.items() if name != "baselines"}}
            for task, row in self.summary.items()
        ]

    def metrics(self) -> dict[str, float]:
        """The values, flat: task → value and task/baseline → value."""
        flat: dict[str, float] = {}
        for task, entry in self.summary.items():
            flat[task] = entry["value"]
            flat |= {f"{task}/{name}": value for name, value in entry["baselines"].items()}
        return flat

    def write(self, out: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        from tasks.report.pictures import draw_scores

        types = {"model": pa.string(), "task": pa.string(), "item_id": pa.string(), "score": pa.float64()}
        types |= {"weight": pa.float64(), "contaminated": pa.bool_(), "origin": pa.string()}
        columns = [list(column) for column in zip(*self.rows, strict=True)] or [[] for _ in types]
        parquet.write_table(pa.table(columns, schema=pa.schema(types)), out / "scores.parquet", compression="zstd")
        text = json.dumps(self.summary, indent=1, ensure_ascii=False, allow_nan=False)
        (out / "summary.json").write_text(text + "\n", encoding="utf-8")
        draw_scores(self.summary, self.role, out / "scores.svg")

    def _enter(self, model: str, task: str, items: Items, scores: Sequence[float]) -> tuple[float, float, float]:
        columns = zip(items.ids, scores, items.weights, items.contaminated, items.origins, strict=True)
        for item, score, weight, dirty, origin in columns:
            self.rows.append((model, task, item, float(score), float(weight), dirty, origin))
        return mean_interval(np.array(scores), np.array(items.weights), items.origins, self.draws, self.seed)
