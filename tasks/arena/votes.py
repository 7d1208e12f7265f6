"""Votes of a home: entries of feedback as votes between players, and the standing that they give."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from tasks.arena.strengths import Matrix, Outcome, Ranking, Vote, outcome_share, rank, win_matrix
from tasks.feedback.entry import Feedback
from tasks.feedback.log import entries
from tasks.home import Home

OUTCOMES: dict[str, Outcome] = {"left": "left", "right": "right", "both": "tie", "none": "none"}


def votes_of(every: Iterable[Feedback], among: Collection[str] = ()) -> list[Vote]:
    """All votes in the order in which they came; with `among` those between two of these players."""
    votes = (
        Vote(entry.model, entry.other_model, OUTCOMES[entry.choice])
        for entry in every
        if entry.other_model is not None and entry.choice is not None
    )
    return [vote for vote in votes if not among or (vote.left in among and vote.right in among)]


def wins_of(votes: Sequence[Vote], players: Sequence[str]) -> Matrix:
    """[i, j]: wins of player i over player j."""
    place = {name: number for number, name in enumerate(players)}
    pairs = np.array([[place[vote.left], place[vote.right]] for vote in votes], dtype=np.int64).reshape(-1, 2)
    return win_matrix(pairs, np.array([outcome_share(vote.outcome) for vote in votes]), len(players))


def ranking_of(home: Home, among: Collection[str] = ()) -> Ranking:
    """Of all who stand in a vote; empty where nobody does."""
    votes = [vote for vote in votes_of(entries(home), among) if vote.left != vote.right]
    return rank(votes) if votes else Ranking((), ())


def standing_rows(ranking: Ranking) -> list[dict[str, Any]]:
    """A row a player: `strength` is θ, whose mean in its group is 0, `low` and `high` its 95 % interval."""
    return [
        {
            "model": player.player,
            "strength": player.theta,
            "low": player.low,
            "high": player.high,
            "elo": player.elo,
            "votes": player.votes,
            "group": player.group,
            "bounded": player.player not in ranking.unbounded,
        }
        for player in ranking.players
    ]


def warnings_of(ranking: Ranking) -> list[str]:
    """What the votes cannot tell, by the names of whom it concerns."""
    told = list[str]()
    if ranking.groups > 1:
        members = [[p.player for p in ranking.players if p.group == group] for group in range(ranking.groups)]
        groups = "; ".join(", ".join(names) for names in members)
        told.append(f"no vote links these groups, so nothing is known between them: {groups}")
    if ranking.unbounded:
        names = ", ".join(ranking.unbounded)
        told.append(f"won or lost every vote against the others: {names}; a weak prior keeps the strengths finite")
    return told
