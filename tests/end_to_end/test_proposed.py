"""What `init` proposes and predicts for a folder of texts, run whole, with less to evaluate and no servers."""

import random
from pathlib import Path

import pytest

from commands.init import trial
from commands.init.propose import propose
from flows import session
from flows.session import Request, open_session, perform
from tasks.home import Home
from tests.tasks.corpora import write

QUICK = (
    "finetune.instruct.steps=2",
    "evaluate.max_documents=4",
    "evaluate.max_rows=4",
    "evaluate.next_passage=0",
    "evaluate.exact_answers=0",
    "evaluate.draws=100",
)
SYLLABLES = [c + v for c in "कखगचजटडतदनपबमरलवसह" for v in ("", "ा", "ि", "ी", "ु", "े", "ो")]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short trials, a working directory of its own, and no publishing."""
    monkeypatch.setattr(trial, "SIGNAL_SECONDS", 0.2)
    monkeypatch.setattr(trial, "TRAINING_SECONDS", 0.1)
    monkeypatch.setattr(session, "publisher", lambda *_: lambda _: "")
    monkeypatch.chdir(tmp_path)


def text_without_marks(seed: int) -> str:
    """Words in a script without capitals, in lines, with no mark at all."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(150)]
    return "\n".join(" ".join(words[i : i + 9]) for i in range(0, len(words), 9))


@pytest.mark.usefixtures("without_mlflow")
def test_text_without_sentence_marks_becomes_models_that_can_be_published(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", {f"{n:02d}.txt": text_without_marks(n) for n in range(12)})
    predicted = propose(folder, Home(tmp_path / "home")).forecast
    record = perform(open_session(Request(Home(tmp_path / "home"), "mine", QUICK)))
    assert record.state == "complete", record.error
    states = {step.step: step.state for step in record.steps}
    assert "finetune/instruct" in states and set(states.values()) == {"complete"}
    assert {role.parent.name for role in Path(record.steps[-1].path or "").glob("*/weights")} == {"base", "instruct"}
    # What was predicted. Not the minutes: here nothing is published, and the trial that measures speed is too short.
    encoded, trained = (step.metrics for step in record.steps if step.step in ("encode", "pretrain"))
    assert trained["tokens"] == predicted.trained
    assert 0.5 < predicted.tokens / encoded["tokens_train"] < 2
    assert 0.5 < predicted.parameters / trained["parameters"] < 2
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < predicted.disk_bytes
