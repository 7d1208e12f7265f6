"""Which two to compare next, and when the order is clear.

A vote on (i, j) is worth the more, the less is known of θ_i − θ_j and the more even the two are: with the variance v of
the difference and p the chance that i wins, the gain in information is ln(1 + p(1 − p) v) / 2 (D-optimality; Chaloner &
Verdinelli 1995). Groups that nothing links are linked first.
"""

from itertools import combinations

import numpy as np

from tasks.arena.strengths import PRIOR, Matrix, covariance, fit, linked

ALPHA = 0.05


def next_pair(wins: Matrix) -> tuple[int, int]:
    """The players of the most instructive comparison; of equal ones, those that have been compared least."""
    players = len(wins)
    games = wins + wins.T
    groups = linked(games)
    theta = fit(wins, PRIOR)
    spread = covariance(theta, wins)

    def worth(pair: tuple[int, int]) -> tuple[bool, float, float]:
        i, j = pair
        variance = spread[i, i] + spread[j, j] - 2 * spread[i, j]
        p = 1 / (1 + np.exp(theta[j] - theta[i]))
        return bool(groups[i] != groups[j]), round(float(np.log1p(p * (1 - p) * variance)), 12), -float(games[i, j])

    return max(combinations(range(players), 2), key=worth)


def is_clear(wins: Matrix, alpha: float = ALPHA) -> bool:
    """Whether each player differs from the next one in rank; in all, a false order is called clear at most `alpha`.

    Valid however often one looks, since votes stop at a good moment: with information I on the difference d of two
    neighbours and a normal prior of variance τ² on it, the mixture's ratio of likelihoods must exceed 1/α (Robbins
    1970): d² I / (1 + 1/(I τ²)) ≥ ln(1 + I τ²) + 2 ln(1/α), with α shared among the neighbours.
    """
    if len(wins) < 2 or linked(wins + wins.T).max() > 0:
        return False
    theta = fit(wins, PRIOR)
    spread = covariance(theta, wins)
    order = np.argsort(-theta)
    upper, lower = order[:-1], order[1:]
    prior = 2 / PRIOR  # τ² of a difference
    posterior = spread[upper, upper] + spread[lower, lower] - 2 * spread[upper, lower]
    information = np.maximum(1 / posterior - 1 / prior, 0)
    difference = (theta[upper] - theta[lower]) * (1 + 1 / np.maximum(information * prior, 1e-12))  # without the prior
    evidence = difference**2 * information / (1 + 1 / np.maximum(information * prior, 1e-12))
    return bool((evidence >= np.log1p(information * prior) + 2 * np.log((len(wins) - 1) / alpha)).all())
