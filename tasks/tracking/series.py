"""A training's metrics, line by line from its metrics.jsonl, in batches; live while it grows, and each line once.

How far a file has come is a tag of the run, and a line's timestamp follows from its step: so the next
shipper, in this process or another, continues there, and a batch sent twice is the same rows again.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

METRICS_PER_BATCH = 1000  # MLflow's limit
SERIES = ("metrics.jsonl", "timing/speed.jsonl")  # in a training artifact: one JSON object a line, each with its `step`


def series_names(folder: Path) -> set[str]:
    """The metrics of which the folder of a training has a value a step."""
    files = [file for name in SERIES if (file := folder / name).is_file()]
    rows = [json.loads(line) for file in files for line in file.read_text().split("\n") if line]
    return {name for row in rows for name in row}


def ship_series(client: "MlflowClient", run: "Run", path: Path, name: str, last: bool = False) -> int:
    """Sends the whole lines that MLflow does not have yet; how many bytes of the file it has now."""
    tag = f"triptych.series.{name}"
    sent = int(client.get_run(run.info.run_id).data.tags.get(tag, 0))
    try:
        with path.open("rb") as file:
            file.seek(sent)
            data = file.read()
    except FileNotFoundError:
        return sent
    whole = data if last else data[: data.rfind(b"\n") + 1]
    metrics = [metric for line in whole.splitlines() if line.strip() for metric in _metrics(json.loads(line), run)]
    for start in range(0, len(metrics), METRICS_PER_BATCH):
        client.log_batch(run.info.run_id, metrics=metrics[start : start + METRICS_PER_BATCH])
    if whole:
        client.set_tag(run.info.run_id, tag, str(sent + len(whole)))
    return sent + len(whole)


def _metrics(row: dict[str, Any], run: "Run") -> list["Metric"]:
    from mlflow.entities import Metric

    step = int(row.get("step", 0))
    numbers = {key: value for key, value in row.items() if key != "step" and isinstance(value, int | float)}
    return [Metric(key, float(value), run.info.start_time + step, step) for key, value in numbers.items()]
