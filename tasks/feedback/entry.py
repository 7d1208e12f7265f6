"""One entry of feedback: what was asked and answered, by which version, and what a person made of it."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, Self

from pydantic import model_validator

from tasks.store.step import Frozen

LOCAL = "local"  # who, where no keys exist
Rating = Literal["up", "down"]
Choice = Literal["left", "right", "both", "none"]  # of a vote: the better answer, both are good, neither is


class Asked(NamedTuple):
    """One turn of the prompt."""

    role: str
    content: str


class Feedback(Frozen):
    """A rating or correction of one answer, or a vote between two: `model` and `answer` are the left one's then."""

    id: str
    time: str  # UTC, ISO 8601
    who: str  # the name of a key, or LOCAL
    kind: Literal["rating", "correction", "vote"]
    model: str  # the version that answered: NAME/VERSION, or a folder's name
    prompt_sha256: str
    messages: tuple[Asked, ...]
    answer: str
    rating: Rating | None = None
    correction: str | None = None
    comment: str | None = None
    response_id: str | None = None
    other_model: str | None = None
    other_answer: str | None = None
    choice: Choice | None = None
    forgotten: str | None = None  # when its texts were removed

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = {
            "rating": ("rating",),
            "correction": ("correction",),
            "vote": ("other_model", "other_answer", "choice"),
        }
        if self.forgotten is None and any(getattr(self, name) is None for name in needed[self.kind]):
            raise ValueError(f"a {self.kind} lacks what makes it one")
        return self

    @property
    def prompt(self) -> str:
        """The last turn's text."""
        return self.messages[-1].content if self.messages else ""

    @property
    def turn_texts(self) -> tuple[str, ...]:
        return tuple(turn.content for turn in self.messages)

    @property
    def texts(self) -> tuple[str, ...]:
        """All that anybody wrote."""
        more = (self.answer, self.other_answer, self.correction, self.comment)
        return (*self.turn_texts, *(text for text in more if text))

    def without_texts(self, time: str) -> Self:
        """What counts, and nothing that anybody wrote: a hash could confirm a guess, so it goes too."""
        texts = {"prompt_sha256": "", "messages": (), "answer": "", "correction": None, "comment": None}
        other = None if self.other_answer is None else ""
        return self.model_copy(update={**texts, "other_answer": other, "forgotten": time})


def new_id() -> str:
    return f"fb-{secrets.token_hex(8)}"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def prompt_sha256(messages: Sequence[Asked]) -> str:
    """SHA-256 of the one user turn's text (UTF-8); of a longer conversation, of its turns as JSON."""
    if [message.role for message in messages] == ["user"]:
        text = messages[0].content
    else:
        text = json.dumps([message._asdict() for message in messages], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
