"""The training text that a model looks questions up in, and its index."""

from flows.record import RunRecord
from flows.run_tables import record_of
from tasks.errors import UserError
from tasks.home import Home
from tasks.look_up.passage_index import PassageIndex, index_of
from tasks.look_up.training_text import TrainingPart, training_parts, training_text_of
from tasks.tracking.model_version import Version


def training_text(home: Home, version: Version | None, run: str) -> list[TrainingPart]:
    """That of the run where one is named, else what the version was trained on, else that of the latest run."""
    if version and not run:
        return training_text_of(version, home)
    return _of_run(home, record_of(home, run))


def passage_index(home: Home, version: Version | None, run: str = "") -> PassageIndex:
    """The index of that text; UserError where the home has none."""
    return index_of(training_text(home, version, run), home)


def _of_run(home: Home, record: RunRecord) -> list[TrainingPart]:
    step = next((step for step in record.steps if step.step == "encode"), None)
    parts = step.parts or ({"key": step.key},) if step else ()
    keys = [part["key"] for part in parts if part["key"]]
    if not keys:
        raise UserError(f"run {record.run} has no training text yet", f"triptych run {record.recipe}")
    return training_parts(home, keys, f"run {record.run}")
