"""A locked, lost or moved MLflow changes nothing of a run but when its events arrive."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.home import Home
from tasks.store.verification import MANIFEST
from tasks.tracking.connection import DATABASE, tracking_uri
from tasks.tracking.runs import PipelineEnd
from tasks.tracking.tracker import Tracker, ship
from tests.tasks.tracking.mlflow_runs import (
    lock_database,
    losses,
    pipeline,
    run_of,
    runs,
    training_run,
)


def test_a_locked_database_costs_a_run_no_time_and_no_event(home, artifact):
    with lock_database(home):
        began = time.monotonic()
        with Tracker(home, pipeline()) as tracker:
            tracker.step(training_run(artifact))
            tracker.end(PipelineEnd(state="complete", seconds=70.0))
            assert tracker.mlflow_run_id("pretrain") is None
            assert tracker.close() == 3
        assert time.monotonic() - began < 5
        assert ship(home) == 3
    assert ship(home) == 0
    assert len(losses(home)) == 300
    assert {our_id: len(copies) for our_id, copies in runs(home).items()} == {"r1": 1, "r1/pretrain": 1}


@pytest.mark.parametrize(("when", "where"), [("before", 0), ("before", 4096), ("in mid-run", 0)])
def test_a_corrupt_database_stops_no_run_and_loses_no_event(home, artifact, when: str, where: int):
    whole = (home / DATABASE).read_bytes()

    def damage() -> None:
        with (home / DATABASE).open("r+b") as file:
            file.seek(where)
            file.write(b"\x2a" * (len(whole) - where))

    if when == "before":
        damage()
    with Tracker(home, pipeline()) as tracker:
        if when == "in mid-run":
            assert tracker.mlflow_run_id(seconds=20)
            damage()
        tracker.step(training_run(artifact))
        tracker.end(PipelineEnd(state="complete", seconds=70.0))
        assert tracker.close(5) >= 2
    assert not (home / "outbox" / "refused").exists()
    (home / DATABASE).write_bytes(whole)
    assert ship(home) == 0
    assert len(losses(home)) == 300


def test_a_database_moved_away_in_mid_run_gets_the_rest_later(home, artifact, tmp_path):
    with Tracker(home, pipeline()) as tracker:
        assert tracker.mlflow_run_id(seconds=20)
        (home / DATABASE).rename(tmp_path / "away.db")
        (home / "mlflow-artifacts").rename(tmp_path / "away")
        tracker.step(training_run(artifact))
        assert tracker.mlflow_run_id("pretrain") is None
        assert not (home / DATABASE).exists()
        assert tracker.close() == 1
    (tmp_path / "away.db").rename(home / DATABASE)
    (tmp_path / "away").rename(home / "mlflow-artifacts")
    assert ship(home) == 0
    assert run_of(home, "r1/pretrain").data.tags["mlflow.parentRunId"] == run_of(home, "r1").info.run_id


def test_an_event_shipped_twice_changes_nothing(home, artifact, tmp_path):
    with lock_database(home), Tracker(home, pipeline()) as tracker:
        tracker.step(training_run(artifact))
        tracker.end(PipelineEnd(state="complete", seconds=70.0))
        tracker.close()
    shutil.copytree(home / "outbox", tmp_path / "again")
    assert ship(home) == 0
    before = {our_id: [run.to_dictionary() for run in copies] for our_id, copies in runs(home).items()}
    (home / "outbox" / "shipped.jsonl").unlink()
    shutil.copytree(tmp_path / "again", home / "outbox", dirs_exist_ok=True)
    assert ship(home) == 0
    assert {our_id: [run.to_dictionary() for run in copies] for our_id, copies in runs(home).items()} == before


def test_a_partly_shipped_step_is_finished_and_not_duplicated(home, artifact, tmp_path):
    with lock_database(home), Tracker(home, pipeline()) as tracker:
        tracker.step(training_run(artifact))
        tracker.close()
    shutil.copytree(home / "outbox", tmp_path / "again")
    assert ship(home) == 0
    client, run_id = MlflowClient(tracking_uri(home)), run_of(home, "r1/pretrain").info.run_id
    for tag in ("triptych.done", "triptych.series.metrics.jsonl"):
        client.delete_tag(run_id, tag)
    shutil.copytree(tmp_path / "again", home / "outbox", dirs_exist_ok=True)
    assert ship(home) == 0
    assert len(losses(home)) == 300
    assert len(run_of(home, "r1/pretrain").inputs.dataset_inputs) == 1


def test_an_event_that_mlflow_always_rejects_is_set_aside_and_stops_nothing(home, artifact):
    with Tracker(home, pipeline()) as tracker:
        tracker.step(training_run(artifact).model_copy(update={"label": "bad", "tags": {"": "no name"}}))
        tracker.step(training_run(artifact))
        assert tracker.close(20) == 0
    (refused,) = (home / "outbox" / "refused").iterdir()
    assert json.loads(refused.read_text())["id"] == "r1/bad"
    assert run_of(home, "r1/pretrain").info.status == "FINISHED"


def test_a_replaced_database_gets_the_parent_run_again(home, artifact, fresh_home):
    with Tracker(home, pipeline()) as tracker:
        assert tracker.close(20) == 0
    shutil.copy(fresh_home / DATABASE, home / DATABASE)
    with Tracker(home, pipeline()) as tracker:
        tracker.step(training_run(artifact))
        assert tracker.close(20) == 0
    assert run_of(home, "r1").data.params["pretrain.steps"] == "300"


def test_a_killed_run_does_not_stay_running_in_mlflow(home, artifact):
    victim = "from pathlib import Path; import os, sys; from tests.tasks.tracking import test_tracker as t\n"
    victim += "tracker = t.Tracker(t.Home.at(sys.argv[1]), t.pipeline('victim'))\n"
    victim += "tracker.follow('pretrain', t.STARTED, Path(sys.argv[2]))\n"
    victim += "assert tracker.mlflow_run_id('pretrain', 60); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", victim, home, artifact / "metrics.jsonl"], check=False)
    assert done.returncode == -9
    assert run_of(home, "victim/pretrain").info.status == "RUNNING"
    with Tracker(home, pipeline()) as tracker:
        tracker.mlflow_run_id(seconds=20)
        assert run_of(home, "r1").info.status == "RUNNING"
        assert tracker.close(20) == 0
    assert [run_of(home, our_id).info.status for our_id in ("victim", "victim/pretrain")] == ["KILLED", "KILLED"]


def test_a_moved_home_ships_waiting_events_and_writes_only_below_its_new_path(home, artifact):
    with Tracker(home, pipeline()) as tracker:
        assert tracker.close(20) == 0
    with lock_database(home), Tracker(home, pipeline("r2")) as tracker:
        tracker.step(training_run(artifact, run="r2"))
        tracker.close()
    moved = Home(Path(home).rename(Path(home).with_name("moved home")))
    assert ship(moved) == 0
    assert not Path(home).exists()
    (run,) = runs(moved)["r2/pretrain"]
    lists = MlflowClient(tracking_uri(moved)).list_artifacts(run.info.run_id)
    assert MANIFEST in {file.path for file in lists}
