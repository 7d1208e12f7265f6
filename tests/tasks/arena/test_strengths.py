"""Strengths equal scipy's maximum; what votes cannot tell is named; a known ranking comes back."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from tasks.arena.next_pair import is_clear, next_pair
from tasks.arena.strengths import PRIOR, Vote, fit, rank

FIXTURE = Path(__file__).parents[4] / "shared/fixtures/bradley_terry_reference.json"


def _votes(theta, count, seed=0, ties=0.2):
    generator, names = np.random.default_rng(seed), "ABCDEFGH"
    for _ in range(count):
        i, j = generator.choice(len(theta), 2, replace=False)
        if generator.random() < ties:
            yield Vote(names[i], names[j], "tie")
        else:
            wins = generator.random() < 1 / (1 + np.exp(theta[j] - theta[i]))
            yield Vote(names[i], names[j], "left" if wins else "right")


def _wins(votes, players):
    wins, ties = np.zeros((players, players)), np.zeros((players, players))
    for left, right, outcome in votes:
        i, j = ord(left) - 65, ord(right) - 65
        if outcome == "tie":
            ties[i, j] += 1
            ties[j, i] += 1
        else:
            wins[(i, j) if outcome == "left" else (j, i)] += 1
    return wins, ties


@pytest.mark.parametrize("prior", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_strengths_are_scipys_maximum_of_the_likelihood(seed, prior):
    wins, ties = _wins(_votes([1.2, 0.5, 0.0, -0.4, -1.3], 150, seed), 5)
    wins = wins + ties / 2

    def loss(theta):
        differences = theta[:, None] - theta[None, :]
        return (wins * np.logaddexp(0, -differences)).sum() + prior / 2 * (theta**2).sum()

    theirs = minimize(loss, np.zeros(5), options={"gtol": 1e-9}).x
    assert fit(wins, prior) == pytest.approx(theirs - theirs.mean(), abs=1e-5)


def test_ten_wins_of_fifteen_are_the_logarithm_of_two():
    ranking = rank([Vote("a", "b", "left")] * 10 + [Vote("b", "a", "left")] * 5)
    first, second = ranking.players
    assert first.theta == pytest.approx(np.log(2) / 2) and second.theta == pytest.approx(-np.log(2) / 2)
    assert first.elo == pytest.approx(1060.206, abs=1e-3) and first.low < 0 < first.high
    assert (first.votes, ranking.groups, ranking.unbounded) == (15, 1, ())


def test_groups_that_no_vote_links_are_ranked_each_for_itself():
    votes = [*_votes([0.9, 0.0, -0.9], 60, 3), *[Vote("X", "Y", "left")] * 3, Vote("X", "Y", "right")]
    ranking = rank(votes)
    assert ranking.groups == 2
    alone = rank(votes[:60])
    assert [p.theta for p in ranking.players[:3]] == pytest.approx([p.theta for p in alone.players])
    assert sum(player.theta for player in ranking.players[3:]) == pytest.approx(0)


def test_who_wins_every_game_is_named_and_finite_and_the_rest_keep_their_order():
    votes = [*_votes([0.9, 0.0, -0.9], 90, 4), *(Vote("Z", name, "left") for name in "ABC" * 5)]
    ranking = rank(votes)
    assert ranking.unbounded == ("Z",) and ranking.players[0].player == "Z"
    assert np.isfinite([player.theta for player in ranking.players]).all()
    assert [player.player for player in ranking.players[1:]] == ["A", "B", "C"]


def test_both_bad_is_a_tie_and_a_vote_on_oneself_tells_nothing():
    votes = [Vote("a", "b", "none"), Vote("a", "b", "tie"), Vote("a", "a", "left")]
    assert [(p.theta, p.votes) for p in rank(votes).players] == [(0.0, 2), (0.0, 2)]
    assert rank([]).players == ()


def test_intervals_hold_the_truth_as_often_as_they_claim():
    theta = np.array([0.8, 0.0, -0.8])
    held = 0
    for seed in range(30):
        players = {
            player.player: player for player in rank(list(_votes(theta, 120, seed, ties=0.0)), draws=100).players
        }
        held += sum(players[name].low <= true <= players[name].high for name, true in zip("ABC", theta, strict=True))
    assert held / 90 > 0.88  # 95 % less three standard errors


def test_the_next_pair_links_groups_first_then_asks_where_most_is_unknown():
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[1, 0] = wins[2, 3] = wins[3, 2] = 20
    assert next_pair(wins) in {(0, 2), (0, 3), (1, 2), (1, 3)}
    wins[0, 2] = wins[2, 0] = 20
    assert next_pair(wins) == (1, 3), "the two that are known least of each other"


def test_votes_stop_when_the_order_is_clear_and_it_is_the_true_one():
    theta, generator = np.array([2.4, 0.8, -0.8, -2.4]), np.random.default_rng(7)
    right, needed = 0, []
    for _ in range(12):
        wins, votes = np.zeros((4, 4)), 0
        while not is_clear(wins):
            i, j = next_pair(wins)
            first = generator.random() < 1 / (1 + np.exp(theta[j] - theta[i]))
            wins[(i, j) if first else (j, i)] += 1
            votes += 1
            assert votes < 2000
        needed.append(votes)
        right += list(np.argsort(-fit(wins, PRIOR))) == [0, 1, 2, 3]
    assert right >= 11 and np.median(needed) < 500


def test_equals_are_seldom_called_different_though_one_looks_after_every_vote():
    generator, clear = np.random.default_rng(8), 0
    for _ in range(100):
        wins = np.zeros((2, 2))
        for first in generator.random(40) < 0.5:
            wins[(0, 1) if first else (1, 0)] += 1
            if is_clear(wins):
                clear += 1
                break
    assert clear <= 9, "5 %, and two standard errors"


if FIXTURE.is_file():

    @pytest.mark.parametrize("name", ["ties", "two_players_10_5"])
    def test_strengths_and_intervals_equal_the_reference(name):
        given = json.loads(FIXTURE.read_text())["sets"][name]
        players = {player.player: player for player in rank([Vote(*vote) for vote in given["votes"]]).players}
        mine = [players[name] for name in given["players"]]
        assert [p.theta for p in mine] == pytest.approx(given["scipy_mle"]["theta_centred"], abs=1e-5)
        assert [p.elo for p in mine] == pytest.approx(given["scipy_mle"]["elo_1000_400"], abs=1e-2)
        assert [p.low for p in mine] == pytest.approx(given["bootstrap_numpy"]["low"], abs=1e-3)
        assert [p.high for p in mine] == pytest.approx(given["bootstrap_numpy"]["high"], abs=1e-3)
