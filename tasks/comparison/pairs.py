"""Every two models on every task that they share: a row each, with a verdict that counts how many rows there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tasks.comparison.contestants import Contest, Contestant, ItemScores, ItemText, ItemTexts, Texts
from tasks.comparison.paired import PairedDifference, PairedScores, Relation, holm, paired_difference


@dataclass(frozen=True)
class Flip:
    """An item that one of the two models has right and the other wrong."""

    id: str
    prompt: str  # and the texts below: "" where they are not known
    a: str
    b: str
    gold: str
    right: str  # the name of the model that has it right


@dataclass(frozen=True)
class Row:
    """Model b beside model a on one task."""

    task: str
    a: Contestant
    b: Contestant
    paired: PairedDifference
    p_holm: float  # adjusted for all rows of the comparison
    verdict: Relation
    contaminated: int  # items left out because the training text has them
    flips: Sequence[Flip]

    def as_json(self) -> dict[str, Any]:
        """The shape that scripts read."""
        own = self.paired
        return {
            "items": own.items,
            "difference": own.difference,
            "low": own.low,
            "high": own.high,
            "p": own.p,
            "smallest_detectable": own.smallest_detectable,
            "verdict": self.verdict,
            "flipped": own.flipped,
            "task": self.task,
            "a": self.a.name,
            "b": self.b.name,
            "values": list(own.values),
            "better": own.better,
            "p_holm": self.p_holm,
            "texts": own.texts,
            "contaminated": self.contaminated,
            "seconds": [self.a.seconds, self.b.seconds],
            "tokens": [self.a.tokens, self.b.tokens],
            "flips": [vars(flip) for flip in self.flips],
        }


def compare_all(contest: Contest) -> list[Row]:
    """One row per task and pair of models, in their order; none where no task is shared."""
    rows = [
        _row(task, one, other, contest.texts)
        for task in contest.shared_tasks()
        for one, other in combinations(contest.contestants, 2)
    ]
    rows = [row for row in rows if row is not None]
    adjusted = holm([row.paired.p for row in rows])
    return [
        Row(r.task, r.a, r.b, r.paired, p, r.paired.relation(p), r.contaminated, r.flips)
        for r, p in zip(rows, adjusted, strict=True)
    ]


def _row(task: str, one: Contestant, other: Contestant, texts: Texts) -> Row | None:
    """None where every item is contaminated."""
    place = {item: row for row, item in enumerate(other.tasks[task].ids)}
    a, b = one.tasks[task], other.tasks[task].at([place[item] for item in one.tasks[task].ids])
    clean = np.flatnonzero(~(a.contaminated | b.contaminated)).tolist()
    if not clean:
        return None
    dirty = len(a.ids) - len(clean)
    a, b = a.at(clean), b.at(clean)
    scores = PairedScores(a.score, b.score, a.weight, a.origins, a.better)
    paired, flipped = paired_difference(scores), np.flatnonzero(scores.flipped).tolist()
    flips = [_flip(row, (a, b), (one.name, other.name), texts.get(task, {})) for row in flipped]
    return Row(task, one, other, paired, paired.p, "cannot tell", dirty, flips)


def _flip(row: int, scores: tuple[ItemScores, ItemScores], names: tuple[str, str], texts: ItemTexts) -> Flip:
    a, b = scores
    text = texts.get(a.ids[row], ItemText("", ""))
    of_a, of_b = (own.answers[row] if own.answers else "" for own in scores)
    return Flip(a.ids[row], text.prompt, of_a, of_b, text.gold, names[int(b.score[row] > a.score[row])])
