"""The paired sign-flip permutation test, and McNemar's: whether the sign of a difference is chance.

Under the null hypothesis each difference is as likely to have the other sign (Fisher 1935; Good 2005, ch. 3). The
differences of a cluster keep their sum together: one sign for each cluster, as items of one text are not independent.
"""

import numpy as np
from numpy.typing import NDArray

EXACT = 20  # up to 2^20 sign patterns are enumerated, above that they are drawn
DRAWS, SEED = 19_999, 2024
DRAWN_AT_ONCE = 4_000_000  # signs


def sign_flip(differences: NDArray[np.float64], one_sided: bool = False, draws: int = DRAWS) -> float:
    """P(a sum as far from 0 as this one; as low, if `one_sided`) under random signs; exact for few differences."""
    differences = differences[differences != 0]  # a zero has no sign: it changes no sum
    observed = differences.sum()
    exact = len(differences) <= EXACT
    sums = _all_sums(differences) if exact else _drawn_sums(differences, draws)
    slack = 1e-12 * np.abs(differences).sum()  # equal sums, added up in another order
    as_far = sums <= observed + slack if one_sided else np.abs(sums) >= abs(observed) - slack
    return float(as_far.mean()) if exact else float((as_far.sum() + 1) / (draws + 1))  # +1: Phipson & Smyth 2010


def mcnemar(gained: int, lost: int) -> float:
    """McNemar's exact test, two-sided: P(counts as unequal as these) where an item that flips does so either way.

    For scores of 0 and 1 it is the sign-flip test, exact for any number of items (McNemar 1947; Edwards 1948).
    """
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0


def _all_sums(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    return sums


def _drawn_sums(differences: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(SEED)
    at_once = max(1, DRAWN_AT_ONCE // len(differences))
    sums = []
    for start in range(0, draws, at_once):
        kept = rng.integers(0, 2, size=(min(at_once, draws - start), len(differences)), dtype=np.int8)
        sums.append(2 * (kept @ differences) - differences.sum())
    return np.concatenate(sums)
