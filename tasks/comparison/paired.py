"""Two models' scores on the same items of one task: how far apart, how surely, and what could have been shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.comparison.clusters import Clusters, clusters, standard_error
from tasks.comparison.sign_flips import mcnemar, sign_flip
from tasks.evaluate.intervals import mean_interval

ALPHA, POWER = 0.05, 0.8
DRAWS, SEED = 2000, 2024  # of the bootstrap

Relation = Literal["better", "worse", "cannot tell"]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class PairedScores:
    """Scores of models a and b, item by item; a model's value is its mean by `weight`."""

    a: Array
    b: Array
    weight: Array
    origins: Sequence[str]  # the source text of each item
    better: Literal["lower", "higher"] = "higher"

    @property
    def are_right_or_wrong(self) -> bool:
        """Whether every score is 0 or 1."""
        return bool(np.isin(self.a, (0, 1)).all() and np.isin(self.b, (0, 1)).all())

    @property
    def flipped(self) -> NDArray[np.bool_]:
        """Items that one of the two has right and the other wrong: a score of at least a half, of shares of 1."""
        both = np.stack([self.a, self.b])
        if self.better == "lower" or both.min() < 0 or both.max() > 1:
            return np.zeros(len(self.a), bool)
        return (self.a >= 0.5) != (self.b >= 0.5)


@dataclass(frozen=True)
class PairedDifference:
    """b minus a, in the task's own unit and direction; `low` and `high` bound 95 %."""

    items: int
    texts: int  # that the items are of
    values: tuple[float, float]  # of a and b
    difference: float
    low: float
    high: float
    p: float  # two-sided, that the sign is chance
    smallest_detectable: float
    flipped: int  # right under one model and wrong under the other
    better: Literal["lower", "higher"]

    def relation(self, p: float) -> Relation:
        """What b is beside a; `p` is the difference's own, or adjusted for the other tasks that are tested."""
        if p > ALPHA or not self.difference:
            return "cannot tell"
        return "better" if (self.difference > 0) == (self.better == "higher") else "worse"


def paired_difference(scores: PairedScores) -> PairedDifference:
    """The comparison; clusters are the items' source texts, where there are enough of them (clusters.py)."""
    lost, by = scores.b - scores.a, clusters(scores.origins)
    drawn = [str(number) for number in by.of_item]
    difference, low, high = mean_interval(lost, scores.weight, drawn, DRAWS, SEED)
    values = (float(np.average(own, weights=scores.weight)) for own in (scores.a, scores.b))
    error = standard_error(lost, scores.weight, by)
    return PairedDifference(
        items=len(lost),
        texts=by.texts,
        values=(next(values), next(values)),
        difference=difference,
        low=low,
        high=high,
        p=_p(scores, lost, by),
        smallest_detectable=smallest_detectable(error, by.count - 1),
        flipped=int(scores.flipped.sum()),
        better=scores.better,
    )


def smallest_detectable(error: float, freedom: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """The true difference that a two-sided t-test at level `alpha` shows with that power, given its standard error.

    By the noncentral t distribution (Cohen 1988, ch. 2); for many items (z(1 - alpha/2) + z(power)) · error. NaN
    where no spread is to be seen: no score differs, or one cluster is all there is.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    if freedom < 1 or not error > 0:
        return float("nan")
    critical = t.ppf(1 - alpha / 2, freedom)
    above = 2 * critical + 4  # where the power is far beyond any that is asked for
    shift: Any = brentq(lambda tried: nct.sf(critical, freedom, tried) - power, 0.0, above)
    return error * float(shift)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number (Holm 1979): below alpha, all of them together err that often at most."""
    order = sorted(range(len(p_values)), key=lambda n: p_values[n])
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, number in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[number]))
        adjusted[number] = largest
    return adjusted


def _p(scores: PairedScores, lost: Array, by: Clusters) -> float:
    """McNemar's for items that are right or wrong and independent, else by sign flips of whole clusters."""
    is_even = bool((scores.weight == scores.weight[0]).all())
    if scores.are_right_or_wrong and is_even and by.count == len(lost):
        return mcnemar(int((lost > 0).sum()), int((lost < 0).sum()))
    return sign_flip(by.sums(scores.weight * lost))
