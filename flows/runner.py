"""One run of the graph: each label in scope is computed or reused, recorded and tracked, in order."""

import hashlib
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flows.graph import Invocation, InvocationOf, StepOutput
from flows.headline import headline
from flows.mlflow_runs import step_run
from flows.record import RunRecord, StepRecord
from flows.scope import Scope
from tasks.errors import Skipped, UserError, is_interrupt
from tasks.home import Home
from tasks.limits import is_out_of_memory, out_of_memory
from tasks.progress import doing, say
from tasks.store.artifacts import Artifact, Store
from tasks.store.step import Step, canonical
from tasks.tracking.tracker import Tracker

Work = Callable[[], StepOutput]
AsTask = Callable[[str, Work, set[str]], StepOutput]  # (label, its work, the labels it reads)


def bare(label: str, work: Work, needs: set[str]) -> StepOutput:
    """A label made in this process, with no orchestrator."""
    return work()


@dataclass
class Runner:
    """The `do` that works: under Prefect when `as_task` makes a task of each label, bare otherwise."""

    store: Store
    home: Home
    scope: Scope
    record: RunRecord
    as_task: AsTask = bare
    tracker: Tracker | None = None
    finish: Mapping[str, Callable[[StepOutput], str]] = field(default_factory=dict)  # {"register": publish}
    calls: dict[str, tuple[Step, Invocation]] = field(default_factory=dict)  # by label: that of its last partition
    made: dict[str, StepOutput] = field(default_factory=dict)  # by label: in scope or only looked up
    started: float = field(default_factory=time.monotonic)

    def __call__(self, label: str, step: Step, call: Invocation) -> StepOutput:
        return self._make(label, step, {"": lambda _: call}, StepOutput(label, "complete"))

    def parts(self, label: str, step: Step, partitions: Mapping[str, object], call_of: InvocationOf) -> StepOutput:
        calls = {p: (lambda earlier, p=p: call_of(p, earlier)) for p in partitions}
        return self._make(label, step, calls, StepOutput(label, "complete", is_bundle=True))

    def _make(
        self, label: str, step: Step, calls: Mapping[str, Callable[[StepOutput], Invocation]], empty: StepOutput
    ) -> StepOutput:
        if label not in self.scope.labels:
            self.made[label] = self._look_up(step, calls, empty)
        else:
            needs = next(iter(calls.values()))(empty).needs() - {label}
            with doing(f"{self._place(label)} {label}"):
                self.made[label] = self.as_task(label, lambda: self._work(label, step, calls, empty), needs)
        return self.made[label]

    def _look_up(
        self, step: Step, calls: Mapping[str, Callable[[StepOutput], Invocation]], empty: StepOutput
    ) -> StepOutput:
        """What the store holds of a label out of scope; `absent` where a part of it is missing."""
        made = empty
        for partition, call_of in calls.items():
            call = call_of(made)
            if missing := call.missing():
                return replace(empty, state=missing[0].state, reason=missing[0].reason)
            key = self.store.key(step, call.config, call.artifacts())
            if reason := self.store.skipped(step, key):
                return replace(empty, state="skipped", reason=reason)
            artifact = self.store.look_up(step, key, call.config)
            if artifact is None:
                return replace(empty, state="absent")
            made = replace(made, state="cached", parts={**made.parts, partition: artifact})
        return made

    def _work(
        self, label: str, step: Step, calls: Mapping[str, Callable[[StepOutput], Invocation]], empty: StepOutput
    ) -> StepOutput:
        self._record_step(StepRecord(label, None, "running", "", 0.0, None, None))
        began, began_at = time.monotonic(), time.time()
        made, done = empty, dict[str, Invocation]()
        try:
            for partition, call_of in calls.items():
                call = done[partition] = self._check_inputs(label, call_of(made))
                self.calls[label] = (step, call)
                if self.tracker and step.resumes:
                    key = self.store.key(step, call.config, call.artifacts())
                    self.tracker.follow(label, began_at, self.store.work(step, key) / "metrics.jsonl")
                artifact = self._complete(label, step, call)
                made = replace(made, parts={**made.parts, partition: artifact})
            hit = all(artifact.hit for artifact in made.parts.values())
            made = replace(made, state="cached" if hit else "complete")
            if label in self.finish:
                made = replace(made, reason=self.finish[label](made))
        except Skipped as skip:
            made = replace(empty, state="skipped", reason=skip.reason)
        except BaseException as error:
            if isinstance(error, UserError):
                _let_go(error)
            reason = "interrupted" if is_interrupt(error) else str(error) or type(error).__name__
            made = replace(made, state="failed", reason=reason)
            self._record_end(made, done, began_at, round(time.monotonic() - began, 3))
            raise
        self._record_end(made, done, began_at, round(time.monotonic() - began, 3))
        return made

    def _record_end(self, made: StepOutput, calls: Mapping[str, Invocation], began_at: float, seconds: float) -> None:
        """Writes the end of a label into the record, then queues it for MLflow; nothing waits for it."""
        record = step_record(made)
        self._record_step(record)
        result = record.reason.split("\n")[0] or headline(record.metrics)
        say(f"  {self._place(made.label):>7} {made.label:20} {made.state:9} {seconds:7.1f} s   {result}".rstrip())
        if self.tracker:
            self.tracker.step(step_run(self.tracker.pipeline, made, record, calls, began_at=began_at, seconds=seconds))

    def _place(self, label: str) -> str:
        """`[6/12]`, of the steps in scope."""
        return f"[{self.scope.labels.index(label) + 1}/{len(self.scope.labels)}]"

    def _check_inputs(self, label: str, call: Invocation) -> Invocation:
        for made in call.missing():
            if made.state == "skipped":
                raise Skipped(f"{made.label} was skipped: {made.reason}")
            cure = f"triptych run {self.record.recipe} --until {made.label}"
            raise UserError(f"{label}: its input {made.label} is not complete", cure)
        return call

    def _complete(self, label: str, step: Step, call: Invocation) -> Artifact:
        compute = self.store.recompute if label in self.scope.recompute else self.store.complete
        try:
            return compute(step, call.config, call.artifacts())
        except Exception as error:
            if is_out_of_memory(error):
                raise out_of_memory() from error
            raise

    def _record_step(self, step: StepRecord) -> None:
        seconds = time.monotonic() - self.started
        self.record = replace(self.record.with_step(step), seconds=round(seconds, 3))
        self.record.write(self.home)


def _let_go(error: UserError) -> None:
    """Drops what is behind a mistake: Prefect keeps it to the end, where DuckDB complains of anything of its own."""
    traceback.clear_frames(error.__traceback__)
    error.__cause__ = error.__context__ = None


def step_record(made: StepOutput) -> StepRecord:
    """What a run's record says of a label."""
    artifacts = list(made.parts.values())
    if not artifacts:
        return StepRecord(made.label, None, made.state, made.reason, 0.0, None, None)
    metrics = dict[str, float]()
    for artifact in artifacts:  # counts, of one partition each
        for name, value in artifact.stats.metrics.items():
            metrics[name] = metrics.get(name, 0.0) + value
    notes = tuple(note for artifact in artifacts for note in (*artifact.stats.notes, *artifact.notes))
    reproduced = [note for artifact in artifacts for note in artifact.notes if "reproduced" in note]
    return StepRecord(
        step=made.label,
        key=_together([a.key for a in artifacts])[:24],
        state=made.state,
        reason="; ".join([*([made.reason] if made.reason else []), *reproduced]),
        seconds=round(sum(a.seconds for a in artifacts), 3),
        sha256=content_of(made),
        path=str(artifacts[0].path if len(artifacts) == 1 else artifacts[0].path.parent),
        parts=tuple(_part(made.label, partition, a) for partition, a in made.parts.items()) if made.is_bundle else (),
        metrics=metrics,
        notes=notes,
    )


def content_of(made: StepOutput) -> str:
    """The hash of what a label made; of several partitions, of them all in their order."""
    return _together([artifact.sha256 for artifact in made.parts.values()])


def _part(label: str, partition: str, artifact: Artifact) -> dict[str, Any]:
    state = "cached" if artifact.hit else "complete"
    place = {"key": artifact.key, "sha256": artifact.sha256, "path": str(artifact.path)}
    return {"step": f"{label}@{partition}", "state": state, "seconds": round(artifact.seconds, 3), **place}


def _together(values: list[str]) -> str:
    """One value as it is; several as the hash of their list."""
    return values[0] if len(values) == 1 else hashlib.sha256(canonical(values).encode()).hexdigest()
