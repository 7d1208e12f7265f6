"""The run of one training as the tracker receives it, and MLflow's record of it."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient

from tasks.home import Home
from tasks.store.verification import MANIFEST
from tasks.tracking.connection import DATABASE, tracking_uri
from tasks.tracking.runs import Part, PipelineRun, StepRun

STARTED = 1_700_000_000.0
KEY = "0123456789abcdef01234567"
HOLD_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def pipeline(run: str = "r1") -> PipelineRun:
    return PipelineRun(run=run, recipe="demo", started=STARTED, params={"pretrain": {"steps": 300, "text": "x" * 9000}})


def make_artifact(home: Home) -> Path:
    """The artifact of a training: 300 lines of metrics, a large file, a manifest."""
    folder = home / "store" / "pretrain" / KEY
    folder.mkdir(parents=True)
    write_metrics(folder / "metrics.jsonl", range(300))
    (folder / "model.safetensors").write_bytes(bytes(1 << 20) + b"more")
    files = {path.name: {"bytes": path.stat().st_size, "sha256": "0" * 64} for path in sorted(folder.iterdir())}
    (folder / MANIFEST).write_text(json.dumps({"files": files}))
    return folder


def write_metrics(path: Path, steps: range) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps({"step": step, "loss": 5 - step / 100}) + "\n" for step in steps)


def training_run(artifact: Path, state: str = "complete", run: str = "r1") -> StepRun:
    part = Part(key=KEY, path=str(artifact), state=state)
    return StepRun(
        pipeline=pipeline(run),
        label="pretrain",
        state=state,
        started=STARTED + 1,
        seconds=60.0,
        params={"steps": 300, "shape": {"depth": 4}, "odd key: ü": 1},
        metrics={"bits_per_byte": 1.5},
        parts={"": part},
        inputs={"shards@0001": part},
        tables={"figures": [{"task": "text", "value": 1.5}]},
        notes=("a surprise",),
    )


def runs(home: Home) -> dict[str, list]:
    """Our id → MLflow's runs that carry it."""
    client = MlflowClient(tracking_uri(home))
    by_id: dict[str, list] = {}
    for run in client.search_runs([e.experiment_id for e in client.search_experiments()]):
        by_id.setdefault(run.data.tags["triptych.id"], []).append(run)
    return by_id


def run_of(home: Home, our_id: str):
    (run,) = runs(home)[our_id]
    return run


def artifacts_of(home: Home, our_id: str) -> Path:
    """A run's artifacts as MLflow hands them out."""
    return Path(MlflowClient(tracking_uri(home)).download_artifacts(run_of(home, our_id).info.run_id, ""))


def losses(home: Home) -> list[tuple[int, float]]:
    history = MlflowClient(tracking_uri(home)).get_metric_history(run_of(home, "r1/pretrain").info.run_id, "loss")
    return [(metric.step, metric.value) for metric in history]


@contextmanager
def lock_database(home: Home):
    """Another process holds MLflow's database for itself."""
    command = [sys.executable, "-c", HOLD_LOCK, str(home / DATABASE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.stdin.close()
