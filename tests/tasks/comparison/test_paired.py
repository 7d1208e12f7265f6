"""Paired comparisons equal scipy's, and say what they should of samples whose truth is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tasks.comparison.clusters import FEWEST, clusters, standard_error
from tasks.comparison.paired import PairedScores, holm, paired_difference, smallest_detectable
from tasks.comparison.sign_flips import mcnemar, sign_flip

FIXTURE = Path(__file__).parents[4] / "shared/fixtures/paired_test_reference.json"


def scores(a, b, origins=None, weight=None, better="higher") -> PairedScores:
    a, b = np.asarray(a, float), np.asarray(b, float)
    names = [str(n) for n in range(len(a))] if origins is None else [str(o) for o in origins]
    return PairedScores(a, b, np.ones(len(a)) if weight is None else np.asarray(weight, float), names, better)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 1), (12, 30), (200, 260)])
def test_mcnemars_test_is_the_exact_binomial_one_and_for_few_items_the_sign_flip(gained, lost):
    expected = min(1.0, 2 * stats.binom.cdf(min(gained, lost), gained + lost, 0.5)) if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, abs=1e-12)
    if 0 < gained + lost <= 20:
        assert sign_flip(np.array([1.0] * gained + [-1.0] * lost)) == pytest.approx(expected, abs=1e-12)


if FIXTURE.is_file():

    def test_the_reference_values_of_paired_tests_are_met():
        for name, known in json.loads(FIXTURE.read_text())["sets"].items():
            own = paired_difference(scores(known["a"], known["b"]))
            assert own.difference == pytest.approx(known["mean_diff_b_minus_a"], abs=1e-12), name
            everyone = clusters([str(n) for n in range(known["n"])])
            error = standard_error(np.subtract(known["b"], known["a"]), np.ones(known["n"]), everyone)
            assert error == pytest.approx(known["se_paired"], rel=1e-9), name
            if "mcnemar" in known:
                assert own.p == pytest.approx(known["mcnemar"]["exact_p_two_sided"], abs=1e-12), name
                assert own.flipped == known["mcnemar"]["n01_a_wrong_b_right"] + known["mcnemar"]["n10_a_right_b_wrong"]


def test_items_of_a_cluster_keep_one_sign():
    """As scipy's test of the clusters' sums; by item the same numbers would look far surer."""
    rng = np.random.default_rng(3)
    lost = np.repeat(rng.normal(0.3, 1, 12), 10) + rng.normal(0, 0.05, 120)
    texts, weight = np.repeat(np.arange(12), 10), rng.uniform(1, 3, 120)
    sums = np.bincount(texts, weights=weight * lost)
    theirs = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=np.inf)
    own = paired_difference(scores(np.zeros(120), lost, texts, weight))
    assert own.p == pytest.approx(theirs.pvalue, abs=1e-12)
    assert own.p > 3 * paired_difference(scores(np.zeros(120), lost, None, weight)).p
    assert (own.items, own.texts) == (120, 12)


def test_texts_that_are_too_few_leave_the_items_independent():
    few = clusters(["a"] * 10 + ["b"] * 10)
    assert (few.count, few.texts) == (20, 2)
    enough = clusters([str(n % FEWEST) for n in range(20)])
    assert (enough.count, enough.texts) == (FEWEST, FEWEST)


def test_the_standard_error_is_that_of_the_mean_and_of_clusters_drawn_again_and_again():
    rng = np.random.default_rng(4)
    values = rng.normal(size=50)
    alone = clusters([str(n) for n in range(50)])
    assert standard_error(values, np.ones(50), alone) == pytest.approx(stats.sem(values))
    effects, sizes = rng.normal(size=(4000, 30)), rng.integers(1, 9, 30)
    origins, weight = np.repeat(np.arange(30), sizes), rng.uniform(1, 2, sizes.sum())
    by = clusters([str(o) for o in origins])
    samples = [np.repeat(own, sizes) + rng.normal(0, 0.5, sizes.sum()) for own in effects]
    means = [np.average(sample, weights=weight) for sample in samples]
    errors = [standard_error(sample, weight, by) for sample in samples]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(means), rel=0.08)


@pytest.mark.parametrize("freedom", [5, 30, 400])
def test_the_smallest_detectable_difference_is_detected_four_times_in_five(freedom):
    shift = smallest_detectable(1.0, freedom)
    power = stats.nct.sf(stats.t.ppf(0.975, freedom), freedom, shift)
    assert power == pytest.approx(0.8, abs=1e-6)
    normal = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert normal < shift < normal * (1 + 3 / freedom)
    rng = np.random.default_rng(5)
    drawn = rng.normal(shift * np.sqrt(freedom + 1) / (freedom + 1), 1, (4000, freedom + 1))
    found = np.mean(stats.ttest_1samp(drawn * np.sqrt(freedom + 1), 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(0.8, abs=0.03)


def test_nothing_to_tell_apart_is_a_difference_of_nothing():
    own = paired_difference(scores([1, 0, 1], [1, 0, 1]))
    assert (own.difference, own.p, own.flipped) == (0.0, 1.0, 0) and np.isnan(own.smallest_detectable)
    assert own.relation(own.p) == "cannot tell"
    alone = paired_difference(scores([0.5], [0.7]))
    assert alone.p == 1.0 and np.isnan(alone.smallest_detectable)


def test_the_interval_covers_the_truth_and_the_relation_follows_the_tasks_direction():
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(100):
        texts = np.repeat(np.arange(25), 4)
        lost = 0.2 + np.repeat(rng.normal(0, 0.4, 25), 4) + rng.normal(0, 0.2, 100)
        own = paired_difference(scores(np.zeros(100), lost, texts))
        hits += own.low <= 0.2 <= own.high
    assert 85 <= hits <= 99
    a = rng.normal(size=40)
    assert paired_difference(scores(a, a + 1)).relation(0.01) == "better"
    assert paired_difference(scores(a, a + 1, better="lower")).relation(0.01) == "worse"
    assert paired_difference(scores(a, a - 1, better="lower")).relation(0.01) == "better"


def test_holms_adjustment_is_that_of_r():
    """p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")"""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0] and holm([0.2]) == [0.2] and holm([]) == []
