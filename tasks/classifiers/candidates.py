"""The folders of a classification's candidates, in the artifact of finetune/classify.

weights/               the network that was fine-tuned
candidates/tfidf/      tf-idf with logistic regression      candidates/features/   a linear head on the frozen base
candidates/choice.json {"chosen", "why", "rows", "candidates": {name: {"accuracy", "loss", "temperature"}}}, on the
                       validation rows
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from model.classes import CLASSES_FILE, Kind

CHOICE = "choice.json"
SIMPLEST_FIRST: tuple[Kind, ...] = ("tfidf", "features", "network")
IN_WORDS: dict[str, str] = {
    "tfidf": "tf-idf with logistic regression",
    "features": "a linear head on the frozen base",
    "network": "the fine-tuned network",
}


@dataclass(frozen=True)
class CandidateScores:
    """A candidate on the validation rows."""

    accuracy: float
    loss: float  # nats a row, calibrated
    temperature: float


@dataclass(frozen=True)
class Choice:
    """Which candidate is the model, and why, in a sentence."""

    chosen: Kind
    why: str
    rows: int  # of the validation split, that were compared
    candidates: dict[str, CandidateScores]

    @property
    def peers(self) -> tuple[str, ...]:
        """The candidates that are less simple than the chosen one: they had to beat it, and did not."""
        return tuple(SIMPLEST_FIRST[SIMPLEST_FIRST.index(self.chosen) + 1 :])

    def write(self, trained: Path) -> None:
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (trained / "candidates" / CHOICE).write_text(f"{text}\n", encoding="utf-8")


def read_choice(trained: Path) -> Choice | None:
    """None of a model that had no competition: an older run's, or a registered version's own folder."""
    file = trained / "candidates" / CHOICE
    if not file.is_file():
        return None
    stated = json.loads(file.read_text(encoding="utf-8"))
    candidates = {name: CandidateScores(**scores) for name, scores in stated["candidates"].items()}
    return Choice(**{**stated, "candidates": candidates})


def candidate_folder(trained: Path, kind: str) -> Path:
    """Where the candidate of that kind lies."""
    return trained / "weights" if kind == "network" else trained / "candidates" / kind


def present(trained: Path) -> list[Kind]:
    """The candidates that are there, from the simplest on."""
    return [kind for kind in SIMPLEST_FIRST if (candidate_folder(trained, kind) / CLASSES_FILE).is_file()]


def chosen_folder(trained: Path) -> Path:
    """Where the model lies: the chosen candidate, or the weights where there was no choice."""
    choice = read_choice(trained)
    return candidate_folder(trained, choice.chosen) if choice else trained / "weights"
