"""Whether two trainings differ by more than two seeds of one training do.

A trained model's value is its recipe's plus what its seed (first weights, order of the data) adds. The difference of
two models therefore varies by the items that it is measured on and by two seeds:

    variance = standard error over items² + 2 · deviation between seeds²,     t = difference / √variance

with the degrees of freedom of Welch and Satterthwaite (Satterthwaite 1946; Welch 1947), as few seeds say little about
their own deviation. (Seeds of one recipe can differ as much as recipes do: Sellam et al. 2022, arXiv 2106.16163;
Bouthillier et al. 2021, arXiv 2103.03098; Madaan et al. 2024, arXiv 2406.10229.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

ASSUMED_SHARE = 0.02  # of a loss, where no seeds were measured: benchmarks/noise_floor.py measures 0.006 to 0.015
ASSUMED_POINTS = 0.025  # of a share of right answers


@dataclass(frozen=True)
class SeedNoise:
    """How far values lie apart of models that differ by their seed only."""

    deviation: float  # their standard deviation
    freedom: int | None  # degrees of freedom of that figure; None: it is assumed
    seeds: int = 0  # trainings that it was measured on

    def __str__(self) -> str:
        return f"seeds ± {self.deviation:.2g} {f'measured on {self.seeds}' if self.freedom else 'assumed'}"


def measured(groups: Sequence[Sequence[float]]) -> SeedNoise | None:
    """The deviation within groups of trainings that differ by their seed only, pooled; None where none has two."""
    known = [np.asarray(group, np.float64) for group in groups if len(group) > 1]
    if not known:
        return None
    freedom = sum(len(group) - 1 for group in known)
    variance = sum(((group - group.mean()) ** 2).sum() for group in known) / freedom
    return SeedNoise(float(np.sqrt(variance)), freedom, sum(map(len, known)))


def assumed(value: float, better: Literal["lower", "higher"]) -> SeedNoise:
    """What stands for it where it is not known: more than was seen on small models, so that chance seldom passes."""
    return SeedNoise(ASSUMED_SHARE * abs(value) if better == "lower" else ASSUMED_POINTS, None)


def p_of_seeds(difference: float, error: float, freedom: int, noise: SeedNoise) -> float:
    """P(a difference as large between two seeds), two-sided; `error` is its standard error over the items."""
    from scipy.stats import norm, t

    of_items, of_seeds = error**2, 2 * noise.deviation**2
    variance = of_items + of_seeds
    if not variance > 0:
        return 1.0 if difference == 0 else 0.0
    distance = abs(difference) / np.sqrt(variance)
    uncertain = of_items**2 / max(freedom, 1) + (of_seeds**2 / noise.freedom if noise.freedom else 0.0)
    return float(2 * (t.sf(distance, variance**2 / uncertain) if uncertain else norm.sf(distance)))
