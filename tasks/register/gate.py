"""The gate: whether a candidate is better than the champion, not worse within a margin, or worse. Pure arithmetic.

Both are judged on the same items by a paired sign-flip permutation test (tasks/comparison/sign_flips.py). Better or
worse than the champion is only what also differs by more than two seeds of one training do (seed_noise.py beside it);
not worse is said of these two models as they are, whatever their seeds, and a baseline has none. A lower loss is better
throughout. docs/gate.md explains it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.comparison.clusters import FEWEST, clusters, standard_error
from tasks.comparison.seed_noise import SeedNoise, assumed, p_of_seeds
from tasks.comparison.sign_flips import sign_flip
from tasks.finetune.method import STRONGEST

Outcome = Literal["better", "not worse", "worse", "undecided"]


@dataclass(frozen=True)
class Losses:
    """One model's loss on each item of one task; `weight` is an item's share of the mean: its bytes, or 1."""

    items: tuple[str, ...]
    loss: NDArray[np.float64]
    weight: NDArray[np.float64]
    contaminated: NDArray[np.bool_]
    better: Literal["lower", "higher"] = "lower"  # of the task's values: a higher one is minus its loss
    origins: tuple[str, ...] = ()  # the source text of each item; (): not known, and each item counts as its own

    @property
    def mean(self) -> float:
        """The weighted mean: the task's value, as a loss."""
        return float(np.average(self.loss, weights=self.weight))

    @property
    def texts(self) -> tuple[str, ...]:
        """The source text of each item, or where none is known the item itself."""
        return self.origins or self.items


@dataclass(frozen=True)
class Comparison:
    """Candidate minus reference on the items that both have and that are not contaminated, by source text."""

    outcome: Outcome
    values: tuple[float, float]  # the task's value for candidate and reference
    difference: float  # of mean losses; negative is better
    p: float  # two-sided, that the sign of the difference is chance: of the items, or of the seeds
    p_margin: float  # one-sided, that a difference below the margin is chance
    items: int
    texts: int  # that the items are of; fewer than FEWEST of them do not stand for others, and each item counts alone
    contaminated: int  # items left out because of it
    noise: SeedNoise | None = None  # of models that differ by their seed only, where that was asked


@dataclass(frozen=True)
class Verdict:
    """The outcome, whether the candidate becomes champion, and the reasons, a sentence each."""

    outcome: Outcome
    promote: bool
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.outcome}, {'promoted' if self.promote else 'not promoted'}"


@dataclass(frozen=True)
class Standard:
    """The rule for a role: `task` decides; on a task in `guards` at most that much may be lost to the champion."""

    task: str
    baseline: str  # the scored model that a version must beat; STRONGEST: the best of its run; "": none
    margin: float  # loss that a candidate may give away against the champion, and all together against the anchor
    guards: Mapping[str, float]
    alpha: float
    peers: frozenset[str] = frozenset()  # scored models that STRONGEST passes over: they lost to this one before


Scores = Mapping[str, Mapping[str, Losses]]  # task → scored model → losses; the evaluated model itself is MODEL
MODEL = "model"
MAJORITY = "majority"  # the scored model that always gives the commonest answer


def judge(
    candidate: Scores,
    champion: Scores | None,
    anchor: Scores | None,
    standard: Standard,
    noise: SeedNoise | None = None,
) -> Verdict:
    """The verdict on a candidate; `champion` None is the first version, `anchor` the first champion there ever was.

    `noise` is how far seeds lie apart on the task, where it was measured; else a value is assumed.
    """
    task, own = standard.task, candidate[standard.task][MODEL]
    worse_than_majority = _below_majority(candidate[task])
    if champion is None:
        first = _judge_first(candidate, standard)
        return replace(
            first, promote=first.promote and not worse_than_majority, reasons=(*first.reasons, *worse_than_majority)
        )
    known = noise or assumed(champion[task][MODEL].mean, own.better)
    comparison = compare(own, champion[task][MODEL], standard.margin, standard.alpha, known)
    reasons = [_sentence(task, "the champion", comparison)]
    faults = list(worse_than_majority)
    if standard.baseline:
        baseline, against = _against_baseline(candidate, standard, standard.margin)
        if against is None:
            faults.append(baseline)
        elif against.difference >= 0:
            faults.append(_sentence(task, f"the baseline {baseline}", against))
    if anchor is not None:
        fixed = compare(own, anchor[task][MODEL], standard.margin, standard.alpha)
        if fixed.difference > standard.margin:
            faults.append(f"below the anchor: {_sentence(task, 'the first champion', fixed)}")
    for guard, margin in standard.guards.items():
        if guard in candidate and guard in champion:
            kept = compare(candidate[guard][MODEL], champion[guard][MODEL], margin, standard.alpha)
            if kept.difference > margin:
                faults.append(f"guard fell: {_sentence(guard, 'the champion', kept)}")
    promote = comparison.outcome in ("better", "not worse") and not faults
    return Verdict(comparison.outcome, promote, (*reasons, *faults))


def compare(
    candidate: Losses, reference: Losses, margin: float, alpha: float, noise: SeedNoise | None = None
) -> Comparison:
    """Candidate against reference on the same items; items that only one of them has are an error of the caller.

    With `noise` they are better or worse only where two seeds would not differ as much.
    """
    place = {item: i for i, item in enumerate(reference.items)}
    if place.keys() != set(candidate.items):
        raise ValueError(f"not the same items: {len(place)} and {len(candidate.items)}")
    order = np.array([place[item] for item in candidate.items], dtype=np.int64)
    dirty = candidate.contaminated | reference.contaminated[order]
    if dirty.all():
        return Comparison("undecided", (np.nan, np.nan), 0.0, 1.0, 1.0, 0, 0, len(dirty))
    by = clusters([origin for origin, left_out in zip(candidate.texts, dirty, strict=True) if not left_out])
    weight = candidate.weight[~dirty] / candidate.weight[~dirty].sum()
    own, theirs = candidate.loss[~dirty], reference.loss[order][~dirty]
    sign = 1.0 if candidate.better == "lower" else -1.0
    values = sign * float(weight @ own) + 0.0, sign * float(weight @ theirs) + 0.0  # no minus before a zero
    lost = own - theirs
    difference = float(weight @ lost)
    p = sign_flip(by.sums(weight * lost))
    if noise is not None and by.count > 1:
        p = max(p, p_of_seeds(difference, standard_error(lost, weight, by), by.count - 1, noise))
    p_margin = sign_flip(by.sums(weight * (lost - margin)), one_sided=True)
    outcome: Outcome = "undecided"
    if p <= alpha:
        outcome = "better" if difference < 0 else "worse"
    if outcome != "better" and p_margin <= alpha:
        outcome = "not worse"
    return Comparison(outcome, values, difference, p, p_margin, len(lost), by.texts, int(dirty.sum()), noise)


def same_items(one: Scores, other: Scores, tasks: tuple[str, ...]) -> bool:
    """Whether the model was scored on the same items in both, for every one of these tasks that both have."""
    shared = [task for task in tasks if task in one and task in other]
    return tasks[0] in shared and all(set(one[t][MODEL].items) == set(other[t][MODEL].items) for t in shared)


def _judge_first(candidate: Scores, standard: Standard) -> Verdict:
    task = standard.task
    if not standard.baseline:
        return Verdict("undecided", True, ("the first version, and the recipe names no baseline to beat",))
    baseline, against = _against_baseline(candidate, standard, margin=0.0)
    if against is None:
        return Verdict("undecided", False, (baseline,))
    reason = _sentence(task, f"the baseline {baseline}", against)
    return Verdict(against.outcome, against.outcome == "better", (reason,))


def _below_majority(scored: Mapping[str, Losses]) -> tuple[str, ...]:
    """A sentence where the commonest answer, whatever the question, does better: such a model is never champion."""
    if MAJORITY not in scored or scored[MODEL].mean <= scored[MAJORITY].mean:
        return ()
    return ("it does worse than the commonest answer given to everything",)


def _against_baseline(candidate: Scores, standard: Standard, margin: float) -> tuple[str, Comparison | None]:
    """The baseline's name and the comparison with it; or the reason why there is none: it was not scored by item."""
    scored = candidate[standard.task]
    fit = [name for name in scored if name != MODEL and set(scored[name].items) == set(scored[MODEL].items)]
    rivals = [name for name in fit if name not in standard.peers]
    strongest = min(rivals, key=lambda name: scored[name].mean, default=STRONGEST)
    baseline = strongest if standard.baseline == STRONGEST else standard.baseline
    if baseline not in fit:
        kind = "scores as a whole, not by item," if baseline in scored else "no scores"
        known = ", ".join(fit) or "none"
        return f"{standard.task}: {kind} of the baseline {baseline}; to be judged by there are: {known}", None
    return baseline, compare(scored[MODEL], scored[baseline], margin, standard.alpha)


def _sentence(task: str, reference: str, c: Comparison) -> str:
    """`bits_per_byte/test: better than the champion: 1.453 against 1.565, 0.112 lower (p < 0.001, …, 120 items)`"""
    if not c.items:
        why = f"no clean item: all {c.contaminated} occur in the training text too"
        return f"{task}: undecided against {reference}: {why}"
    relation = {"undecided": "undecided against"}.get(c.outcome, f"{c.outcome} than")
    value, theirs = c.values
    items = f"{c.items} item{'' if c.items == 1 else 's'}"
    if c.texts < c.items:
        items += f" of {c.texts} texts" if c.texts >= FEWEST else f" of too few texts to stand for others, {c.texts}"
    left_out = f", {c.contaminated} contaminated ones left out" if c.contaminated else ""
    return (
        f"{task}: {relation} {reference}: {value:.3f} against {theirs:.3f}, "
        f"{abs(value - theirs):.3g} {'lower' if value < theirs else 'higher'} "
        f"(p {_p(c.p)}{f', {c.noise}' if c.noise else ''}, within the margin p {_p(c.p_margin)}, {items}{left_out})"
    )


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
