"""Whether training was the right tool, in a sentence: the trained model beside its base, and beside looking up.

Differences count where the paired test of `compare` shows them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.comparison.paired import PairedScores, Relation, paired_difference

Scores = Mapping[str, Sequence[float]]  # model → its score on each question, in one order


@dataclass(frozen=True)
class Roles:
    """The models of an exam by what they are; "" for one that was not asked."""

    trained: str
    base: str = ""
    looking_up: str = ""  # the base with passages
    both: str = ""  # the trained model with passages


def training_in_words(scores: Scores, roles: Roles) -> str:
    """`Looking up was the better tool: …`; "" where there is nothing to compare the trained model with."""
    trained, base, looking_up = roles.trained, roles.base, roles.looking_up
    known = [name for name in (trained, base, looking_up, roles.both) if name]
    if len(known) < 2:
        return ""
    values = ", ".join(f"{name} {np.mean(scores[name]):.3f}" for name in known)
    over_base = _relation(scores, trained, base) if base else None
    over_looking_up = _relation(scores, trained, looking_up) if looking_up else None
    sentence = _verdict(over_base, over_looking_up, roles)
    if (
        roles.both
        and roles.both != looking_up
        and all(_relation(scores, roles.both, other) == "better" for other in known if other != roles.both)
    ):
        sentence += f"; {roles.both} is better still"
    return f"{sentence} ({values}; {len(scores[trained])} questions)."


def _verdict(over_base: Relation | None, over_looking_up: Relation | None, roles: Roles) -> str:
    trained, base, looking_up = roles.trained, roles.base, roles.looking_up
    learned = {"better": "Training helped", "worse": "Training did harm", "cannot tell": "Training shows no effect"}
    if over_looking_up is None:
        assert over_base
        return f"{learned[over_base]}: {trained} is {_beside(over_base)} {base}"
    if over_base is None:
        passages = "Looking up helps" if over_looking_up == "worse" else "Looking up does harm"
        passages = "Looking up shows no effect" if over_looking_up == "cannot tell" else passages
        return f"{passages}: {trained} is {_beside(over_looking_up)} {looking_up}"
    beside = f"{trained} is {_beside(over_base)} {base} and {_beside(over_looking_up)} {looking_up}"
    if over_looking_up == "better":
        return f"Training was the right tool: {beside}" if over_base == "better" else f"{learned[over_base]}: {beside}"
    if over_looking_up == "worse":
        return f"Looking up was the better tool than training: {beside}"
    return f"Whether training or looking up is the better tool, these questions cannot tell: {beside}"


def _beside(relation: Relation) -> str:
    return {"better": "better than", "worse": "worse than", "cannot tell": "not to be told apart from"}[relation]


def _relation(scores: Scores, one: str, other: str) -> Relation:
    """What `one` is beside `other`."""
    own, theirs = np.array(scores[one], np.float64), np.array(scores[other], np.float64)
    items = [str(n) for n in range(len(own))]
    paired = paired_difference(PairedScores(theirs, own, np.ones(len(own)), items))
    return paired.relation(paired.p)
