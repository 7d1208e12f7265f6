"""The texts that a run held out, for models that it did not make."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.record import RunRecord
from tasks.errors import UserError
from tasks.store.verification import verify_daily

if TYPE_CHECKING:
    from tasks.evaluate.held_out import EncodedCorpus


def corpus_of(record: RunRecord) -> "EncodedCorpus":
    """The run's encoded text; UserError where a run has none, or it is gone."""
    from tasks.evaluate.held_out import EncodedCorpus

    steps = {step.step: step for step in record.steps}
    folders = dict[str, dict[str, Path]]()
    for name in ("encode", "curate", "tokenizer"):
        step = steps.get(name)
        parts = step.parts or ({"step": name, "path": step.path},) if step else ()
        folders[name] = {part["step"].partition("@")[2]: Path(part["path"]) for part in parts if part["path"]}
        if not folders[name] or not all(folder.is_dir() for folder in folders[name].values()):
            raise UserError(f"run {record.run} has no {name} any more", f"triptych run {record.recipe}")
    for parts in folders.values():
        for folder in parts.values():
            verify_daily(folder)
    (tokenizer,) = folders["tokenizer"].values()
    return EncodedCorpus(folders["encode"], folders["curate"], tokenizer)
