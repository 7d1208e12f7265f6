"""Models that are compared: each one's scores on every item of every task, and what it took to get them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ItemScores:
    """One model's scores on one task; parallel, but for `answers`, which are () where none is known."""

    ids: Sequence[str]
    score: NDArray[np.float64]
    weight: NDArray[np.float64]
    origins: Sequence[str]  # the source text of each item
    contaminated: NDArray[np.bool_]
    better: Literal["lower", "higher"] = "higher"
    answers: Sequence[str] = ()

    def at(self, rows: Sequence[int]) -> "ItemScores":
        """Those items alone, in that order."""
        index = np.asarray(rows, dtype=np.int64)
        return ItemScores(
            [self.ids[row] for row in rows],
            self.score[index],
            self.weight[index],
            [self.origins[row] for row in rows],
            self.contaminated[index],
            self.better,
            [self.answers[row] for row in rows] if self.answers else (),
        )


@dataclass(frozen=True)
class ItemText:
    """What an item asks, and what is right."""

    prompt: str
    gold: str


ItemTexts = Mapping[str, ItemText]  # by item, where it is known
Texts = Mapping[str, ItemTexts]  # by task


@dataclass(frozen=True)
class Contestant:
    """One model as its user calls it; seconds and tokens of the scoring are None where its scores were stored."""

    name: str
    tasks: Mapping[str, ItemScores]
    seconds: float | None = None
    tokens: int | None = None

    def joined(self, other: "Contestant") -> "Contestant":
        """With another one's scores of the same model; tokens are known where they are of both."""
        tokens = None if self.tokens is None or other.tokens is None else self.tokens + other.tokens
        return Contestant(self.name, {**self.tasks, **other.tasks}, (self.seconds or 0) + (other.seconds or 0), tokens)


@dataclass(frozen=True)
class Contest:
    """All that is compared."""

    contestants: Sequence[Contestant]
    texts: Texts = field(default_factory=dict)

    def shared_tasks(self) -> list[str]:
        """The tasks that all of them were scored on by the same items, in the first one's order."""
        first, *others = self.contestants
        return [
            task
            for task, own in first.tasks.items()
            if all(task in other.tasks and set(other.tasks[task].ids) == set(own.ids) for other in others)
        ]
