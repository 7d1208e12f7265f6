"""The record of a run, written after every step: what a run achieved is read from here, not from Prefect's answer."""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.store.artifacts import write_durably

RECORDS = "records"  # folder in the home, one JSON file a run, names in order of their start
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
ERROR_KEPT = 200  # characters of it where a full disk leaves no more room
FORMAT = 2  # raise it when a record holds other settings than before


@dataclass(frozen=True)
class StepRecord:
    """One label of one run; `parts` holds the same for each partition of a bundle."""

    step: str
    key: str | None
    state: str
    reason: str
    seconds: float
    sha256: str | None
    path: str | None
    mlflow_run_id: str | None = None
    parts: tuple[dict[str, Any], ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunRecord:
    """One run of the pipeline, so far."""

    run: str
    recipe: str
    state: str  # running, complete, failed, interrupted
    started: str
    seconds: float = 0.0
    error: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    models: tuple[dict[str, Any], ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def with_step(self, step: StepRecord) -> "RunRecord":
        others = tuple(other for other in self.steps if other.step != step.step)
        return replace(self, steps=(*others, step))

    def write(self, home: Home) -> None:
        path = home.records / f"{self.run}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, json.dumps(asdict(self), indent=1).encode())
        except OSError as error:
            if self.state != "running" and error.errno in NO_SPACE and self._overwrite(path):
                return
            cure = "free some space, or set TRIPTYCH_HOME elsewhere; what is complete is kept"
            raise UserError(f"{path}: {error.strerror}", cure) from error

    def end(self, state: str, error: str, reason: str) -> "RunRecord":
        """The record of a run that is over though it says "running": so does the step that it was in."""
        steps = (replace(s, state="failed", reason=reason) if s.state == "running" else s for s in self.steps)
        return replace(self, state=state, error=error, steps=tuple(steps))

    def _overwrite(self, path: Path) -> bool:
        """Writes the end of the run over the bytes that are there, which needs no space; False where it does not fit.

        Where it is longer, the record that is there is kept, with the end's state and the beginning of its error.
        """
        try:
            size = path.stat().st_size
            short = read(path).end(self.state, self.error[:ERROR_KEPT], "see the error of the run")
            fits = (text for text in map(_compact, (self, short, replace(short, error=""))) if len(text) <= size)
            if (text := next(fits, None)) is None:
                return False
            with path.open("r+b") as file:
                file.write(text.ljust(size))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """The value that `run --json` and `status --json` print."""
        return {name: value for name, value in asdict(self).items() if name != "format"}


def read(path: Path) -> RunRecord:
    """A record of a home, its artifacts' paths as the home lies now; of another version's, the fields known here."""
    home = Home.at(path.parent.parent)
    try:
        values = {"format": 1, **json.loads(path.read_bytes())}
        for step in values["steps"]:
            for entry in (step, *step["parts"]):
                entry["path"] = entry["path"] and str(home.artifact(entry["path"]))
        steps = tuple(StepRecord(**_known(StepRecord, step)) for step in values["steps"])
        return RunRecord(**_known(RunRecord, {**values, "steps": steps}))
    except (ValueError, KeyError, TypeError) as error:
        cure = f"rm '{path}': the store keeps what that run made, and the same run makes a record again"
        raise UserError(f"{path}: not the record of a run (cut or changed)", cure) from error


def _compact(record: RunRecord) -> bytes:
    return json.dumps(asdict(record), separators=(",", ":")).encode()


def other_version(record: RunRecord) -> UserError:
    """The error of a command that needs settings of a run which this version cannot read."""
    which = "a later" if record.format > FORMAT else "an earlier" if record.format < FORMAT else "another"
    return UserError(
        f"run {record.run} was recorded by {which} version of triptych, whose settings this one does not read",
        f"`triptych run {record.recipe}` makes it again in the same home; registered models stay usable",
    )


def _known(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    return {field.name: values[field.name] for field in fields(kind) if field.name in values}


def records(home: Home) -> Iterator[RunRecord]:
    """The runs of a home, the one that started last first."""
    return (read(path) for path in sorted(home.records.glob("*.json"), reverse=True))


def latest(home: Home, recipe: str | None = None) -> RunRecord | None:
    """The run that started last (of that recipe)."""
    return next((record for record in records(home) if recipe in (None, record.recipe)), None)
