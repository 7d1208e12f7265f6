"""A run in MLflow: nested, whole, each metric once."""

import json

from mlflow import MlflowClient

from tasks.home import Home
from tasks.store.verification import MANIFEST
from tasks.tracking.connection import tracking_uri
from tasks.tracking.outbox import Outbox
from tasks.tracking.runs import PipelineEnd, StepRun
from tasks.tracking.tracker import Tracker
from tests.processes import wait_until
from tests.tasks.tracking.mlflow_runs import (
    STARTED,
    artifacts_of,
    losses,
    pipeline,
    run_of,
    training_run,
    write_metrics,
)


def test_a_pipeline_run_holds_nested_runs_of_its_steps(home, artifact):
    with Tracker(home, pipeline()) as tracker:
        tracker.step(training_run(artifact))
        tracker.end(PipelineEnd(state="complete", seconds=70.0, metrics={"documents": 7.0}))
        mlflow_run_id = tracker.mlflow_run_id("pretrain", seconds=20)
        assert tracker.close(20) == 0
    parent, child = run_of(home, "r1"), run_of(home, "r1/pretrain")
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
        tracker.step(training_run(artifact))
        assert tracker.close(20) == 0
    folder = artifacts_of(home, "r1/pretrain")
    names = {path.name for path in folder.iterdir()}
    assert names == {"manifest.json", "metrics.jsonl", "references.json", "step.json", "figures.csv"}
    reference = json.loads((folder / "references.json").read_text())["model.safetensors"]
    assert reference == {
        "uri": (artifact / "model.safetensors").as_uri(),
        "bytes": (1 << 20) + 4,
        "sha256": "0" * 64,
    }
    assert (folder / "figures.csv").read_text().splitlines() == ["task,value", "text,1.5"]


def test_a_cached_step_points_to_the_run_that_computed_it_and_has_its_metrics(home, artifact):
    for run, state in (("r1", "complete"), ("r2", "cached")):
        with Tracker(home, pipeline(run)) as tracker:
            tracker.step(training_run(artifact, state, run))
            assert tracker.close(20) == 0
    computed, cached = run_of(home, "r1/pretrain"), run_of(home, "r2/pretrain")
    assert cached.data.tags["triptych.computed_by"] == computed.info.run_id
    assert cached.data.metrics["bits_per_byte"] == 1.5
    assert "loss" not in cached.data.metrics
    folder = artifacts_of(home, "r2/pretrain")
    assert {path.name for path in folder.iterdir()} == {"references.json", "step.json", "figures.csv"}  # no copies
    assert set(json.loads((folder / "references.json").read_text())) == {MANIFEST, "metrics.jsonl", "model.safetensors"}


def test_a_cached_step_has_copies_where_mlflow_lacks_the_run_that_computed_it(home, artifact):
    with Tracker(home, pipeline("r2")) as tracker:
        tracker.step(training_run(artifact, "cached", "r2"))
        assert tracker.close(20) == 0
    assert (artifacts_of(home, "r2/pretrain") / "metrics.jsonl").read_bytes() == (
        artifact / "metrics.jsonl"
    ).read_bytes()


def test_the_metrics_of_a_training_arrive_while_it_runs(home, artifact):
    growing = home / "growing.jsonl"
    write_metrics(growing, range(10))
    with growing.open("a") as file:
        file.write('{"step": 10, "lo')
    with Tracker(home, pipeline()) as tracker:
        tracker.follow("pretrain", STARTED + 1, growing)
        assert tracker.mlflow_run_id("pretrain", seconds=20)
        wait_until(lambda: len(losses(home)) == 10, seconds=20)
        assert run_of(home, "r1/pretrain").info.status == "RUNNING"
        tracker.step(training_run(artifact))
        assert tracker.close(20) == 0
    assert losses(home) == [(step, 5 - step / 100) for step in range(300)]


def test_a_failed_and_a_skipped_step_are_marked_as_such(home):
    with Tracker(home, pipeline()) as tracker:
        for label, state in (("pretrain", "failed"), ("finetune/classify", "skipped")):
            step = StepRun(pipeline=pipeline(), label=label, state=state, started=STARTED, seconds=1, reason="why")
            tracker.step(step)
        tracker.end(PipelineEnd(state="failed", seconds=2.0))
        assert tracker.close(20) == 0
    failed, skipped = run_of(home, "r1/pretrain"), run_of(home, "r1/finetune/classify")
    assert (failed.info.status, skipped.info.status, run_of(home, "r1").info.status) == ("FAILED", "FINISHED", "FAILED")
    assert (skipped.data.tags["triptych.state"], skipped.data.tags["triptych.reason"]) == ("skipped", "why")
    assert skipped.data.metrics["seconds"] == 1.0


def test_a_home_without_mlflow_gets_one_of_its_own(tmp_path):
    home = Home(tmp_path / "a new home")
    with Tracker(home, pipeline()) as tracker:
        assert tracker.close(60) == 0
    client = MlflowClient(tracking_uri(home))
    assert run_of(home, "r1").info.artifact_uri.startswith(str(home / "mlflow-artifacts"))
    assert client.get_experiment_by_name("demo")
