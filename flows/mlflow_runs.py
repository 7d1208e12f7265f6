"""What MLflow shall show of a label: its config as params, its metrics, its artifacts and what it read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flows.graph import Invocation, StepOutput
from flows.headline import description, headline_metrics, verdicts
from flows.record import RunRecord, StepRecord
from tasks.store.artifacts import Artifact
from tasks.store.step import keyed
from tasks.tracking.runs import Part, PipelineEnd, PipelineRun, StepRun


def step_run(
    pipeline: PipelineRun,
    made: StepOutput,
    record: StepRecord,
    calls: Mapping[str, Invocation],
    *,
    began_at: float,
    seconds: float,
) -> StepRun:
    """The MLflow run of a label; `seconds` is its wall time in this run, also where it was reused from the store."""
    first = next(iter(calls.values()), None)
    funnel = _funnel(made)
    return StepRun(
        pipeline=pipeline,
        label=made.label,
        state=made.state,
        started=began_at,
        seconds=seconds,
        reason=made.reason,
        params=keyed(first.config) if first else {},
        metrics={**record.metrics, **{f"documents_{name}": float(n) for name, n in funnel.items()}},
        parts={partition: _part(artifact) for partition, artifact in made.parts.items()},
        inputs=_inputs(first) if first else {},
        tables={"funnel": [funnel]} if funnel else {},
        notes=record.notes,
    )


def _funnel(made: StepOutput) -> dict[str, Any]:
    """The funnels of all partitions together; empty where the step handles no documents."""
    funnels = [a.stats.funnel for a in made.parts.values() if a.stats.funnel]
    if not funnels:
        return {}
    counts = {"read": sum(f.read for f in funnels), "kept": sum(f.kept for f in funnels)}
    for reason in sorted({reason for f in funnels for reason in f.dropped}):
        counts[f"dropped_{reason}"] = sum(f.dropped.get(reason, 0) for f in funnels)
    return counts | {"quarantined": sum(f.quarantined for f in funnels)}


def _part(artifact: Artifact) -> Part:
    state = "cached" if artifact.hit else "complete"
    return Part(
        key=artifact.key, path=str(artifact.path), state=state, seconds=artifact.seconds, sha256=artifact.sha256
    )


def _inputs(call: Invocation) -> dict[str, Part]:
    """The inputs by role, or by role@partition for a bundle."""
    return {
        (f"{role}@{partition}" if made.is_bundle else role): _part(artifact)
        for role, made in call.inputs.items()
        for partition, artifact in made.parts.items()
    }


def pipeline_run(record: RunRecord) -> PipelineRun:
    """The run of the whole recipe, by which MLflow knows it again."""
    started = datetime.fromisoformat(record.started).timestamp()
    return PipelineRun(run=record.run, recipe=record.recipe, started=started, params=record.settings)


def end_of(record: RunRecord) -> PipelineEnd:
    """What MLflow shows of a run first: scores beside their baselines, a description, each model's verdict."""
    tags = {f"verdict {model}": verdict for model, verdict in verdicts(record).items()}
    champions = [f"{m['name']}/{m['version']}" for m in record.models if "champion" in m["aliases"]]
    tags |= {"champions": ", ".join(champions)} if champions else {}
    return PipelineEnd(
        state=record.state,
        seconds=record.seconds,
        metrics=headline_metrics(record),
        description=description(record),
        tags=tags,
    )
