"""Models that differ by their seed only are seldom called better, and models that differ by more are."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from tasks.comparison.seed_noise import SeedNoise, assumed, measured, p_of_seeds
from tasks.register.gate import MODEL, Losses, Standard, compare, judge

PAIRS, TEXTS, OF_A_TEXT = 240, 14, 8
STANDARD = Standard("text", baseline="", margin=0.01, guards={}, alpha=0.05)


def model(rng: np.random.Generator, value: float) -> Losses:
    """Losses of items around a value, with a part of each text's own, as seeds of one recipe have."""
    size = TEXTS * OF_A_TEXT
    loss = value + np.repeat(rng.normal(0, 0.01, TEXTS), OF_A_TEXT) + rng.normal(0, 0.02, size)
    names, texts = tuple(map(str, range(size))), tuple(str(n // OF_A_TEXT) for n in range(size))
    return Losses(names, loss, np.ones(size), np.zeros(size, bool), origins=texts)


def outcomes(between_seeds: float, better_by: float = 0.0, seeds: int = 1) -> Counter[str]:
    """The gate's outcomes over PAIRS of a candidate and a champion, each one of `seeds` trainings."""
    rng, counted = np.random.default_rng(11), Counter[str]()
    for _ in range(PAIRS):
        values = [1.7 + rng.normal(0, between_seeds, seeds), 1.7 - better_by + rng.normal(0, between_seeds, seeds)]
        champion, candidate = (model(rng, own[0]) for own in values)
        verdict = judge({"text": {MODEL: candidate}}, {"text": {MODEL: champion}}, None, STANDARD, measured(values))
        counted[verdict.outcome] += 1
    return counted


@pytest.mark.parametrize("between_seeds", [0.003, 0.01, 0.025])
@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_of_models_that_differ_by_their_seed_at_most_one_in_twenty_is_called_better(between_seeds, seeds):
    assert outcomes(between_seeds, seeds=seeds)["better"] <= PAIRS / 20


def test_by_their_items_alone_every_third_such_model_would_be_called_better():
    rng = np.random.default_rng(11)
    models = [model(rng, 1.7 + rng.normal(0, 0.025)) for _ in range(80)]
    alone = [compare(a, b, 0.01, 0.05).outcome for a, b in zip(models[:40], models[40:], strict=True)]
    assert alone.count("better") >= 12


def test_what_is_better_by_more_than_seeds_are_apart_is_called_so():
    assert outcomes(0.003, better_by=0.05, seeds=3)["better"] >= 0.9 * PAIRS
    assert outcomes(0.003, better_by=0.15)["better"] >= 0.9 * PAIRS  # one seed: more than is assumed of two
    assert outcomes(0.003, better_by=0.05)["not worse"] >= 0.9 * PAIRS


def test_without_a_spread_the_test_is_students_and_without_items_that_of_two_seeds():
    rng = np.random.default_rng(2)
    lost = rng.normal(0.1, 1, 30)
    theirs = stats.ttest_1samp(lost, 0)
    assert p_of_seeds(lost.mean(), stats.sem(lost), 29, SeedNoise(0.0, 4, 6)) == pytest.approx(theirs.pvalue)
    expected = 2 * stats.t.sf(0.3 / (0.1 * np.sqrt(2)), 4)
    assert p_of_seeds(0.3, 0.0, 29, SeedNoise(0.1, 4, 6)) == pytest.approx(expected)
    assert p_of_seeds(0.3, 0.0, 29, SeedNoise(0.1, None)) == pytest.approx(2 * stats.norm.sf(0.3 / 0.1 / np.sqrt(2)))
    assert (p_of_seeds(0.0, 0.0, 29, SeedNoise(0.0, 4, 6)), p_of_seeds(0.1, 0.0, 29, SeedNoise(0.0, 4, 6))) == (
        1.0,
        0.0,
    )


def test_the_freedom_of_items_and_seeds_together_is_that_of_welch():
    """Two samples of unequal variance, as scipy tests them: their means' variances are those of items and seeds."""
    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 1, 12), rng.normal(0.5, 3, 5)
    theirs = stats.ttest_ind(one, other, equal_var=False)
    noise = SeedNoise(stats.sem(other) / np.sqrt(2), 4, 5)
    assert p_of_seeds(one.mean() - other.mean(), stats.sem(one), 11, noise) == pytest.approx(theirs.pvalue)


def test_groups_are_pooled_and_one_training_alone_says_nothing():
    noise = measured([[1.0, 1.2, 1.1], [5.0, 5.4], [9.0]])
    assert noise is not None and (noise.freedom, noise.seeds) == (3, 5)
    assert noise.deviation == pytest.approx(np.sqrt((2 * np.var([1, 1.2, 1.1], ddof=1) + np.var([5, 5.4], ddof=1)) / 3))
    assert str(noise) == "seeds ± 0.18 measured on 5"
    assert measured([[1.0], []]) is None
    assert str(assumed(1.5, "lower")) == "seeds ± 0.03 assumed" and assumed(-0.9, "higher").deviation < 0.9 * 0.03


def test_a_verdict_says_what_it_took_for_the_spread_of_seeds():
    rng = np.random.default_rng(0)
    one = {"text": {MODEL: model(rng, 1.7)}}
    near = {"text": {MODEL: dataclasses.replace(model(rng, 1.68), better="lower")}}
    (reason,) = judge(near, one, None, STANDARD).reasons
    assert "not worse than the champion" in reason and ", seeds ± 0.034 assumed, within the margin" in reason
    (reason,) = judge(near, one, None, STANDARD, measured([[1.7, 1.701, 1.699]])).reasons
    assert "better than the champion" in reason and "measured on 3" in reason
