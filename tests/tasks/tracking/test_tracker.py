"""A run in MLflow: whole, nested, each figure once; and a locked or lost MLflow that changes nothing but the time."""

import json
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.home import Home
from tasks.store.artifacts import MANIFEST
from tasks.tracking.connection import DATABASE, tracking_uri
from tasks.tracking.outbox import Outbox
from tasks.tracking.runs import Part, PipelineRun, StepRun
from tasks.tracking.tracker import Tracker, ship

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


@pytest.fixture
def artifact(home: Home) -> Path:
    """What a training leaves: 300 lines of metrics, a large file, a manifest."""
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


def trained(artifact: Path, state: str = "complete", run: str = "r1") -> StepRun:
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
    found: dict[str, list] = {}
    for run in client.search_runs([e.experiment_id for e in client.search_experiments()]):
        found.setdefault(run.data.tags["triptych.id"], []).append(run)
    return found


def only(home: Home, our_id: str):
    (run,) = runs(home)[our_id]
    return run


def opened(home: Home, our_id: str) -> Path:
    """A run's artifacts as MLflow hands them out."""
    return Path(MlflowClient(tracking_uri(home)).download_artifacts(only(home, our_id).info.run_id, ""))


def losses(home: Home) -> list[tuple[int, float]]:
    history = MlflowClient(tracking_uri(home)).get_metric_history(only(home, "r1/pretrain").info.run_id, "loss")
    return [(metric.step, metric.value) for metric in history]


@contextmanager
def locked(home: Home):
    """Another process holds MLflow's database for itself."""
    command = [sys.executable, "-c", HOLD_LOCK, str(home / DATABASE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.stdin.close()


def wait_for(what, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        threading.Event().wait(0.05)


def test_a_run_is_nested_and_whole(home, artifact):
    with Tracker(home, pipeline()) as tracker:
        tracker.step(trained(artifact))
        tracker.end("complete", 70.0, {"documents": 7.0})
        mlflow_run_id = tracker.mlflow_run_id("pretrain", seconds=20)
        assert tracker.close(20) == 0
    parent, child = only(home, "r1"), only(home, "r1/pretrain")
    assert child.info.run_id == mlflow_run_id == Outbox(home).ids()["r1/pretrain"]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert parent.data.metrics == {"seconds": 70.0, "documents": 7.0}
    assert len(parent.data.params["pretrain.text"]) == 6000
    assert child.data.params == {"steps": "300", "shape.depth": "4", "odd key_ _": "1"}
    assert child.data.metrics["bits_per_byte"] == 1.5
    assert losses(home) == [(step, 5 - step / 100) for step in range(300)]
    assert [entry.dataset.name for entry in child.inputs.dataset_inputs] == ["shards@0001"]
    assert child.data.tags["mlflow.note.content"] == "a surprise"


def test_small_artifacts_open_and_large_ones_are_named_with_their_hash(home, artifact):
    with Tracker(home, pipeline()) as tracker:
        tracker.step(trained(artifact))
        assert tracker.close(20) == 0
    folder = opened(home, "r1/pretrain")
    names = {path.name for path in folder.iterdir()}
    assert names == {"manifest.json", "metrics.jsonl", "references.json", "step.json", "figures.csv"}
    reference = json.loads((folder / "references.json").read_text())["model.safetensors"]
    assert reference == {
        "uri": (artifact / "model.safetensors").as_uri(),
        "bytes": (1 << 20) + 4,
        "sha256": "0" * 64,
    }
    assert (folder / "figures.csv").read_text().splitlines() == ["task,value", "text,1.5"]


def test_a_cached_step_points_to_the_run_that_computed_it_and_has_its_figures(home, artifact):
    for run, state in (("r1", "complete"), ("r2", "cached")):
        with Tracker(home, pipeline(run)) as tracker:
            tracker.step(trained(artifact, state, run))
            assert tracker.close(20) == 0
    computed, cached = only(home, "r1/pretrain"), only(home, "r2/pretrain")
    assert cached.data.tags["triptych.computed_by"] == computed.info.run_id
    assert cached.data.metrics["bits_per_byte"] == 1.5
    assert "loss" not in cached.data.metrics
    folder = opened(home, "r2/pretrain")
    assert {path.name for path in folder.iterdir()} == {"references.json", "step.json", "figures.csv"}  # no copies
    assert set(json.loads((folder / "references.json").read_text())) == {MANIFEST, "metrics.jsonl", "model.safetensors"}


def test_a_cached_step_has_copies_where_mlflow_does_not_know_who_computed_it(home, artifact):
    with Tracker(home, pipeline("r2")) as tracker:
        tracker.step(trained(artifact, "cached", "r2"))
        assert tracker.close(20) == 0
    assert (opened(home, "r2/pretrain") / "metrics.jsonl").read_bytes() == (artifact / "metrics.jsonl").read_bytes()


def test_a_locked_database_costs_a_run_no_time_and_no_event(home, artifact):
    with locked(home):
        began = time.monotonic()
        with Tracker(home, pipeline()) as tracker:
            tracker.step(trained(artifact))
            tracker.end("complete", 70.0, {})
            assert tracker.mlflow_run_id("pretrain") is None
            assert tracker.close() == 3
        assert time.monotonic() - began < 5
        assert ship(home) == 3
    assert ship(home) == 0
    assert len(losses(home)) == 300
    assert {our_id: len(found) for our_id, found in runs(home).items()} == {"r1": 1, "r1/pretrain": 1}


def test_mlflow_moved_away_in_mid_run_gets_the_rest_later(home, artifact, tmp_path):
    with Tracker(home, pipeline()) as tracker:
        assert tracker.mlflow_run_id(seconds=20)
        (home / DATABASE).rename(tmp_path / "away.db")
        (home / "mlflow-artifacts").rename(tmp_path / "away")
        tracker.step(trained(artifact))
        assert tracker.mlflow_run_id("pretrain") is None
        assert not (home / DATABASE).exists()
        assert tracker.close() == 1
    (tmp_path / "away.db").rename(home / DATABASE)
    (tmp_path / "away").rename(home / "mlflow-artifacts")
    assert ship(home) == 0
    assert only(home, "r1/pretrain").data.tags["mlflow.parentRunId"] == only(home, "r1").info.run_id


def test_an_event_shipped_twice_changes_nothing(home, artifact, tmp_path):
    with locked(home), Tracker(home, pipeline()) as tracker:
        tracker.step(trained(artifact))
        tracker.end("complete", 70.0, {})
        tracker.close()
    shutil.copytree(home / "outbox", tmp_path / "again")
    assert ship(home) == 0
    before = {our_id: [run.to_dictionary() for run in found] for our_id, found in runs(home).items()}
    (home / "outbox" / "shipped.jsonl").unlink()
    shutil.copytree(tmp_path / "again", home / "outbox", dirs_exist_ok=True)
    assert ship(home) == 0
    assert {our_id: [run.to_dictionary() for run in found] for our_id, found in runs(home).items()} == before


def test_a_step_that_was_half_shipped_is_finished_and_not_doubled(home, artifact, tmp_path):
    with locked(home), Tracker(home, pipeline()) as tracker:
        tracker.step(trained(artifact))
        tracker.close()
    shutil.copytree(home / "outbox", tmp_path / "again")
    assert ship(home) == 0
    client, run_id = MlflowClient(tracking_uri(home)), only(home, "r1/pretrain").info.run_id
    for tag in ("triptych.done", "triptych.series.metrics.jsonl"):
        client.delete_tag(run_id, tag)
    shutil.copytree(tmp_path / "again", home / "outbox", dirs_exist_ok=True)
    assert ship(home) == 0
    assert len(losses(home)) == 300
    assert len(only(home, "r1/pretrain").inputs.dataset_inputs) == 1


def test_a_training_is_followed_line_by_line_while_it_runs(home, artifact):
    growing = home / "growing.jsonl"
    write_metrics(growing, range(10))
    with growing.open("a") as file:
        file.write('{"step": 10, "lo')
    with Tracker(home, pipeline()) as tracker:
        tracker.follow("pretrain", STARTED + 1, growing)
        assert tracker.mlflow_run_id("pretrain", seconds=20)
        wait_for(lambda: len(losses(home)) == 10)
        assert only(home, "r1/pretrain").info.status == "RUNNING"
        tracker.step(trained(artifact))
        assert tracker.close(20) == 0
    assert losses(home) == [(step, 5 - step / 100) for step in range(300)]


def test_what_mlflow_never_takes_is_put_aside_and_stops_nothing(home, artifact):
    with Tracker(home, pipeline()) as tracker:
        tracker.step(trained(artifact).model_copy(update={"label": "bad", "tags": {"": "no name"}}))
        tracker.step(trained(artifact))
        assert tracker.close(20) == 0
    (refused,) = (home / "outbox" / "refused").iterdir()
    assert json.loads(refused.read_text())["id"] == "r1/bad"
    assert only(home, "r1/pretrain").info.status == "FINISHED"


def test_a_database_lost_with_the_parent_run_gets_it_again(home, artifact, fresh_home):
    with Tracker(home, pipeline()) as tracker:
        assert tracker.close(20) == 0
    shutil.copy(fresh_home / DATABASE, home / DATABASE)
    with Tracker(home, pipeline()) as tracker:
        tracker.step(trained(artifact))
        assert tracker.close(20) == 0
    assert only(home, "r1").data.params["pretrain.steps"] == "300"


def test_a_failed_and_a_skipped_step_say_so(home):
    with Tracker(home, pipeline()) as tracker:
        for label, state in (("pretrain", "failed"), ("finetune/classify", "skipped")):
            step = StepRun(pipeline=pipeline(), label=label, state=state, started=STARTED, seconds=1, reason="why")
            tracker.step(step)
        tracker.end("failed", 2.0, {})
        assert tracker.close(20) == 0
    failed, skipped = only(home, "r1/pretrain"), only(home, "r1/finetune/classify")
    assert (failed.info.status, skipped.info.status, only(home, "r1").info.status) == ("FAILED", "FINISHED", "FAILED")
    assert (skipped.data.tags["triptych.state"], skipped.data.tags["triptych.reason"]) == ("skipped", "why")
    assert skipped.data.metrics["seconds"] == 1.0


def test_a_home_without_mlflow_gets_one_of_its_own(tmp_path):
    home = Home(tmp_path / "a new home")
    with Tracker(home, pipeline()) as tracker:
        assert tracker.close(60) == 0
    client = MlflowClient(tracking_uri(home))
    assert only(home, "r1").info.artifact_uri.startswith(str(home / "mlflow-artifacts"))
    assert client.get_experiment_by_name("demo")


def test_a_killed_run_does_not_stay_running_in_mlflow(home, artifact):
    victim = "from pathlib import Path; import os, sys; from tests.tasks.tracking import test_tracker as t\n"
    victim += "tracker = t.Tracker(t.Home.at(sys.argv[1]), t.pipeline('victim'))\n"
    victim += "tracker.follow('pretrain', t.STARTED, Path(sys.argv[2]))\n"
    victim += "assert tracker.mlflow_run_id('pretrain', 60); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", victim, home, artifact / "metrics.jsonl"], check=False)
    assert done.returncode == -9
    assert only(home, "victim/pretrain").info.status == "RUNNING"
    with Tracker(home, pipeline()) as tracker:
        tracker.mlflow_run_id(seconds=20)
        assert only(home, "r1").info.status == "RUNNING"
        assert tracker.close(20) == 0
    assert [only(home, our_id).info.status for our_id in ("victim", "victim/pretrain")] == ["KILLED", "KILLED"]


def test_a_moved_home_ships_what_waited_and_writes_below_its_new_place_only(home, artifact):
    with Tracker(home, pipeline()) as tracker:
        assert tracker.close(20) == 0
    with locked(home), Tracker(home, pipeline("r2")) as tracker:
        tracker.step(trained(artifact, run="r2"))
        tracker.close()
    moved = Home(Path(home).rename(Path(home).with_name("moved home")))
    assert ship(moved) == 0
    assert not Path(home).exists()
    (run,) = runs(moved)["r2/pretrain"]
    lists = MlflowClient(tracking_uri(moved)).list_artifacts(run.info.run_id)
    assert MANIFEST in {file.path for file in lists}
