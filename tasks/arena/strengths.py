"""Bradley–Terry strengths from votes: P(i beats j) = 1 / (1 + exp(θ_j − θ_i)), Bradley & Terry 1952.

A tie is half a win for each. Strengths exist where whoever is compared is linked by wins in both directions (Ford
1957). Groups that no vote links are ranked each for itself: between them nothing is known. Where a player of a group
won or lost every game, its strength would be infinite: the group gets a weak prior then, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["left", "right", "tie", "none"]  # none: neither answer is good, which is a tie between them
Matrix = NDArray[np.float64]
Strengths = NDArray[np.float64]

PRIOR = 0.1  # precision of a normal prior on each θ: an answer by 8 wins of 8 then stands at some 3.3
DRAWS, SEED = 300, 12345
MAX_STEPS, TOLERANCE = 200, 1e-12
ELO = 400 / np.log(10)  # points of an Elo rating that a unit of θ is worth
ELO_MEAN = 1000.0


class Vote(NamedTuple):
    left: str
    right: str
    outcome: Outcome


@dataclass(frozen=True)
class Rated:
    """A player's strength: θ has the mean 0 in its group; `low` and `high` are the 95 % bootstrap interval of θ."""

    player: str
    theta: float
    low: float
    high: float
    votes: int
    group: int

    @property
    def elo(self) -> float:
        return ELO_MEAN + ELO * self.theta


@dataclass(frozen=True)
class Ranking:
    """The strongest first within each group; `unbounded` are players whose votes alone would put them at ±∞."""

    players: tuple[Rated, ...]
    unbounded: tuple[str, ...]

    @property
    def groups(self) -> int:
        """Above 1 there are players between whom nothing is known."""
        return len({player.group for player in self.players})


def rank(votes: Sequence[Vote], draws: int = DRAWS, seed: int = SEED) -> Ranking:
    """Strengths and intervals of everybody who has a vote; votes of a player against itself tell nothing."""
    votes = [vote for vote in votes if vote.left != vote.right]
    names = sorted({name for vote in votes for name in (vote.left, vote.right)})
    place = {name: number for number, name in enumerate(names)}
    pairs = np.array([[place[vote.left], place[vote.right]] for vote in votes], dtype=np.int64).reshape(-1, 2)
    left = np.array([outcome_share(vote.outcome) for vote in votes])
    wins = win_matrix(pairs, left, len(names))
    groups = linked(wins + wins.T)
    theta, is_bounded = _fit_groups(wins, groups)
    low, high = _intervals(pairs, left, groups, draws, seed)
    count = (wins + wins.T).sum(axis=1)
    rated = [
        Rated(name, float(theta[n]), float(low[n]), float(high[n]), round(float(count[n])), int(groups[n]))
        for name, n in place.items()
    ]
    unbounded = tuple(name for name, n in place.items() if not is_bounded[n])
    return Ranking(tuple(sorted(rated, key=lambda each: (each.group, -each.theta))), unbounded)


def win_matrix(pairs: NDArray[np.int64], left: NDArray[np.float64], players: int) -> Matrix:
    """[i, j]: wins of i over j, a tie being half; `left` is the left one's share of each vote."""
    wins = np.zeros((players, players))
    np.add.at(wins, (pairs[:, 0], pairs[:, 1]), left)
    np.add.at(wins, (pairs[:, 1], pairs[:, 0]), 1 - left)
    return wins


def fit(wins: Matrix, prior: float = 0.0) -> Strengths:
    """θ with mean 0 by Newton's method: the maximum of the likelihood, or of the posterior where `prior` is above 0.

    Without a prior every player must be linked to every other by wins, directly or not.
    """
    theta = np.zeros(len(wins))
    value = _log_posterior(theta, wins, prior)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(_information(theta, wins, prior) + 1 / len(wins), _gradient(theta, wins, prior))
        while (better := _log_posterior(theta + step, wins, prior)) < value - TOLERANCE and np.abs(
            step
        ).max() > TOLERANCE:
            step /= 2
        theta, value = theta + step, better
        if np.abs(step).max() < TOLERANCE:
            break
    return theta - theta.mean()


def covariance(theta: Strengths, wins: Matrix, prior: float = PRIOR) -> Matrix:
    """Of θ by the normal approximation at its maximum; the prior keeps it finite."""
    return np.linalg.inv(_information(theta, wins, prior)).astype(np.float64)


def linked(games: Matrix) -> NDArray[np.int64]:
    """The number of each player's group: the players that games link, directly or not."""
    from scipy.sparse.csgraph import connected_components

    return connected_components(games > 0, directed=False)[1].astype(np.int64)


def are_bounded(wins: Matrix) -> bool:
    """Whether wins lead from each player to each other."""
    from scipy.sparse.csgraph import connected_components

    return connected_components(wins > 0, directed=True, connection="strong")[0] == 1


def _fit_groups(wins: Matrix, groups: NDArray[np.int64]) -> tuple[Strengths, NDArray[np.bool_]]:
    """θ of each player, and whether the votes alone keep it finite."""
    from scipy.sparse.csgraph import connected_components

    theta, bounded = np.zeros(len(wins)), np.ones(len(wins), dtype=bool)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        inner = wins[np.ix_(members, members)]
        is_bounded = are_bounded(inner)
        theta[members] = fit(inner, 0.0 if is_bounded else PRIOR)
        if not is_bounded:
            parts = connected_components(inner > 0, directed=True, connection="strong")[1]
            largest = np.bincount(parts).argmax()
            bounded[members] = parts == largest
    return theta, bounded


def _intervals(
    pairs: NDArray[np.int64], left: NDArray[np.float64], groups: NDArray[np.int64], draws: int, seed: int
) -> tuple[Strengths, Strengths]:
    """2.5th and 97.5th percentile of each θ over votes drawn again."""
    generator, players = np.random.default_rng(seed), len(groups)
    drawn = np.zeros((draws, players))
    for number in range(draws):
        chosen = generator.integers(0, len(pairs), len(pairs))
        drawn[number] = _fit_groups(win_matrix(pairs[chosen], left[chosen], players), groups)[0]
    bounds = np.percentile(drawn, [2.5, 97.5], axis=0).astype(np.float64)
    return bounds[0], bounds[1]


def outcome_share(outcome: Outcome) -> float:
    """The left one's share of the vote."""
    return {"left": 1.0, "right": 0.0}.get(outcome, 0.5)


def _probabilities(theta: Strengths) -> Matrix:
    """[i, j]: P(i beats j)."""
    return 1 / (1 + np.exp(theta[None, :] - theta[:, None]))


def _log_posterior(theta: Strengths, wins: Matrix, prior: float) -> float:
    differences = theta[:, None] - theta[None, :]
    return float(-(wins * np.logaddexp(0, -differences)).sum() - prior / 2 * (theta**2).sum())


def _gradient(theta: Strengths, wins: Matrix, prior: float) -> Strengths:
    return (wins - (wins + wins.T) * _probabilities(theta)).sum(axis=1) - prior * theta


def _information(theta: Strengths, wins: Matrix, prior: float) -> Matrix:
    """The negative Hessian; without a prior it is singular along (1, …, 1)."""
    p = _probabilities(theta)
    weights = (wins + wins.T) * p * (1 - p)
    return np.diag(weights.sum(axis=1) + prior) - weights
