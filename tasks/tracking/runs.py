"""How a run of the pipeline and its steps look in MLflow: one parent run, below it one run for each step.

Each event can be applied twice and changes nothing the second time: runs are identified by our own id in a tag, metrics
have timestamps that follow from the event, and a training's series of metrics remembers how far it came.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks.home import Home
from tasks.store.step import Frozen, flatten
from tasks.tracking.artifacts import file_uri, name_artifacts
from tasks.tracking.series import SERIES, series_names, ship_series

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ID, COMPUTED, COMPUTED_BY = "triptych.id", "triptych.computed", "triptych.computed_by"
DESCRIBED, DONE = "triptych.described", "triptych.done"  # tags set last: what they stand for is whole
DESCRIPTION = "mlflow.note.content"
OF_AN_EXPERIMENT = {
    "mlflow.experimentKind": "custom_model_development",  # else the page opens with traces and judges
    DESCRIPTION: "Runs of one recipe of triptych: a run holds the headline scores, its children are the steps.",
}
PARAM_LENGTH, TAG_LENGTH, PER_BATCH = 6000, 8000, 100  # MLflow's limits
STATUS = {"failed": "FAILED", "interrupted": "KILLED", "running": "RUNNING"}  # all else: FINISHED


class PipelineRun(Frozen):
    """One run of a recipe; `started` in seconds since 1970."""

    run: str
    recipe: str
    started: float
    params: dict[str, Any] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)


class PipelineEnd(Frozen):
    """How a run ended, and what one reads of it first: metrics to compare it by, a description in Markdown, tags."""

    state: str
    seconds: float
    metrics: dict[str, float] = Field(default_factory=dict)
    description: str = ""
    tags: dict[str, str] = Field(default_factory=dict)


class Part(Frozen):
    """One artifact of a step; `state` is complete where it was computed in this run, else cached."""

    key: str
    path: str
    state: str
    seconds: float = 0.0
    sha256: str | None = None


class StepRun(Frozen):
    """One label of one run, done: as MLflow shows it. `parts` by partition, "" where there is only one."""

    pipeline: PipelineRun
    label: str
    state: str
    started: float
    seconds: float
    reason: str = ""
    params: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    parts: dict[str, Part] = Field(default_factory=dict)
    inputs: dict[str, Part] = Field(default_factory=dict)  # by role
    tables: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.pipeline.run}/{self.label}"

    def located(self, home: Home) -> "StepRun":
        """The same with all artifacts where the home lies now: it may have moved while this waited to be shipped."""

        def there(parts: dict[str, Part]) -> dict[str, Part]:
            return {name: p.model_copy(update={"path": str(home.artifact(p.path))}) for name, p in parts.items()}

        return self.model_copy(update={"parts": there(self.parts), "inputs": there(self.inputs)})


def open_pipeline(client: "MlflowClient", pipeline: PipelineRun) -> "Run":
    """The parent run: the existing one, or a new one with its params and its recipe as an artifact."""
    experiment_id = experiment(client, pipeline.recipe)
    run = find(client, experiment_id, pipeline.run)
    if run is None:
        tags = {"mlflow.runName": f"{pipeline.recipe} {pipeline.run}", **_tags(pipeline.tags), ID: pipeline.run}
        run = client.create_run(experiment_id, start_time=_milliseconds(pipeline.started), tags=tags)
    if DESCRIBED not in run.data.tags:
        _log(client, run, params=pipeline.params)
        client.log_dict(run.info.run_id, pipeline.params, "recipe.json")
        client.set_tag(run.info.run_id, DESCRIBED, "true")
    return run


def close_pipeline(client: "MlflowClient", pipeline: PipelineRun, end: PipelineEnd) -> "Run":
    """The parent run with what one reads of it first, and its end."""
    run = open_pipeline(client, pipeline)
    tags = _tags(end.tags | ({DESCRIPTION: end.description} if end.description else {}))
    _log(client, run, metrics={"seconds": end.seconds, **end.metrics}, tags=tags)
    ended = _milliseconds(pipeline.started + end.seconds)
    client.set_terminated(run.info.run_id, STATUS.get(end.state, "FINISHED"), ended)
    return run


def attach(client: "MlflowClient", pipeline: PipelineRun, file: Path) -> "Run":
    """The parent run with the file among its artifacts."""
    run = open_pipeline(client, pipeline)
    if file.is_file():
        client.log_artifact(run.info.run_id, str(file))
    return run


def open_step(client: "MlflowClient", pipeline: PipelineRun, label: str, started: float) -> "Run":
    """The step's run below its pipeline run: the existing one, or a new one."""
    parent = open_pipeline(client, pipeline)
    if run := find(client, parent.info.experiment_id, f"{pipeline.run}/{label}"):
        return run
    tags = {"mlflow.runName": label, "mlflow.parentRunId": parent.info.run_id, ID: f"{pipeline.run}/{label}"}
    return client.create_run(parent.info.experiment_id, start_time=_milliseconds(started), tags=tags)


def close_step(client: "MlflowClient", step: StepRun) -> "Run":
    """The step's run, whole: config, metrics, series, inputs and artifacts.

    What came from the store lies with the run that computed it, and is named here.
    """
    run = open_step(client, step.pipeline, step.label, step.started)
    if DONE in run.data.tags:
        return run
    run_id = run.info.run_id
    computed_by = {part.key: _computed_by(client, part) for part in step.parts.values()}
    _log_inputs(client, run, step)
    for partition, part in step.parts.items():
        name_artifacts(client, run_id, Path(part.path), partition, copied=computed_by[part.key] is None)
        if part.state != "cached":
            for name in SERIES:
                ship_series(client, run, Path(part.path) / name, name, last=True)
    for name, rows in step.tables.items():
        client.log_text(run_id, _csv(rows), f"{name}.csv")
    client.log_dict(run_id, step.model_dump(mode="json") | {"computed_by": computed_by}, "step.json")
    series = {name for part in step.parts.values() if part.state != "cached" for name in series_names(Path(part.path))}
    last = {f"final/{name}" if name in series else name: value for name, value in step.metrics.items()}
    metrics = {"seconds": step.seconds, "cached": float(step.state == "cached"), **last}
    _log(client, run, step.params, metrics, _step_tags(step, computed_by))
    ended = _milliseconds(step.started + step.seconds)
    client.set_terminated(run_id, STATUS.get(step.state, "FINISHED"), ended)
    client.set_tag(run_id, DONE, "true")
    return run


def close_killed(client: "MlflowClient", is_killed: Callable[[str], bool]) -> None:
    """Ends the runs whose pipeline run was killed: nothing else ever reports their end to MLflow."""
    experiments = [e.experiment_id for e in client.search_experiments()]
    for run in client.search_runs(experiments, "attributes.status = 'RUNNING'"):
        our_id = run.data.tags.get(ID)
        if our_id and is_killed(our_id.split("/")[0]):
            client.set_terminated(run.info.run_id, "KILLED")


def find(client: "MlflowClient", experiment: str, our_id: str) -> "Run | None":
    """The run that carries our id."""
    quoted = our_id.replace("'", "")
    runs = client.search_runs([experiment], f"tags.`{ID}` = '{quoted}'", max_results=1)
    return runs[0] if runs else None


def experiment(client: "MlflowClient", name: str) -> str:
    """The id of the experiment of that name: the existing one, or a new one."""
    if known := client.get_experiment_by_name(name):
        if known.lifecycle_stage == "deleted":  # by hand, in MLflow's page
            client.restore_experiment(known.experiment_id)
        for tag, value in OF_AN_EXPERIMENT.items():
            if tag not in known.tags:
                client.set_experiment_tag(known.experiment_id, tag, value)
        return known.experiment_id
    if not client.tracking_uri.startswith("sqlite:"):  # a server knows where its artifacts go
        return client.create_experiment(name, tags=OF_AN_EXPERIMENT)
    home = Home(Path(client.tracking_uri.removeprefix("sqlite:///")).parent)
    return client.create_experiment(name, str(home.mlflow_artifacts / name), OF_AN_EXPERIMENT)


def _computed_by(client: "MlflowClient", part: Part) -> str | None:
    """The run that computed this part, where this one did not."""
    if part.state != "cached":
        return None
    experiments = [e.experiment_id for e in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.`{COMPUTED}` LIKE '%{part.key}%'", max_results=1)
    return runs[0].info.run_id if runs else None


def _step_tags(step: StepRun, computed_by: Mapping[str, str | None]) -> dict[str, str]:
    others = sorted({run_id for run_id in computed_by.values() if run_id})
    tags = {
        "triptych.state": step.state,
        "triptych.reason": step.reason,
        "triptych.key": " ".join(part.key for part in step.parts.values()),
        COMPUTED: " ".join(part.key for part in step.parts.values() if part.state != "cached"),
        COMPUTED_BY: " ".join(others),
        DESCRIPTION: "\n\n".join(
            [*step.notes, *(f"Computed by run [{run_id}](#/runs/{run_id})." for run_id in others)]
        ),
    }
    return _tags({key: value for key, value in tags.items() if value} | step.tags)


def _log(
    client: "MlflowClient",
    run: "Run",
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """All of it in as few transactions as MLflow takes it in."""
    from mlflow.entities import Metric, Param, RunTag

    run_id, at = run.info.run_id, run.info.start_time
    config = [Param(_name(key), _cut(value, PARAM_LENGTH)) for key, value in flatten(params or {}).items()]
    numbers = [Metric(_name(key), float(value), at, 0) for key, value in (metrics or {}).items()]
    words = [RunTag(key, value) for key, value in (tags or {}).items()]
    client.log_batch(run_id, metrics=numbers, params=config[:PER_BATCH], tags=words)
    for start in range(PER_BATCH, len(config), PER_BATCH):
        client.log_batch(run_id, params=config[start : start + PER_BATCH])


def _log_inputs(client: "MlflowClient", run: "Run", step: StepRun) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = [
        DatasetInput(
            Dataset(
                name=role, digest=part.key[:36], source_type="local", source=json.dumps({"uri": file_uri(part.path)})
            ),
            [InputTag("mlflow.data.context", role)],
        )
        for role, part in step.inputs.items()
    ]
    if inputs:
        client.log_inputs(run.info.run_id, inputs)


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {_name(key): _cut(value, TAG_LENGTH) for key, value in tags.items()}


def _name(key: str) -> str:
    """A name that MLflow takes: letters, digits and `_-./ ` only."""
    return re.sub(r"[^\w\-. /]", "_", key, flags=re.ASCII)[:250]


def _cut(value: Any, length: int) -> str:
    text = str(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _milliseconds(seconds: float) -> int:
    return int(datetime.fromtimestamp(seconds, UTC).timestamp() * 1000)
