"""An evaluation's scores as losses, comparable item by item: scores of which higher ones are better change sign."""

import json
from pathlib import Path

import numpy as np

from tasks.register.gate import MODEL, Losses, Scores


def read_scores(folder: Path, role: str) -> Scores:
    """Task → model → losses, from scores.parquet and summary.json; the evaluated model's own rows bear its role."""
    import pyarrow.parquet as pq

    summary = json.loads((folder / "summary.json").read_text())
    columns = pq.read_table(folder / "scores.parquet").to_pydict()
    groups: dict[str, dict[str, list[int]]] = {}
    for row, (task, model) in enumerate(zip(columns["task"], columns["model"], strict=True)):
        groups.setdefault(task, {}).setdefault(MODEL if model == role else model, []).append(row)
    score, weight = np.array(columns["score"], np.float64), np.array(columns["weight"], np.float64)
    dirty = np.array([bool(value) for value in columns["contaminated"]])  # NULL: not examined
    origin = columns.get("origin")  # None: scored by a version that did not write it
    return {
        task: {
            model: Losses(
                tuple(columns["item_id"][row] for row in rows),
                score[rows] if summary[task]["better"] == "lower" else -score[rows],
                weight[rows],
                dirty[rows],
                summary[task]["better"],
                tuple(origin[row] for row in rows) if origin else (),
            )
            for model, rows in models.items()
        }
        for task, models in groups.items()
    }
