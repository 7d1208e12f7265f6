"""What MLflow shall show of a label: its config as params, its metrics, its artifacts and what it read."""

from collections.abc import Mapping
from typing import Any

from flows.graph import Invocation, StepOutput
from flows.record import StepRecord
from tasks.store.artifacts import Artifact
from tasks.store.step import keyed
from tasks.tracking.runs import Part, PipelineRun, StepRun


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
