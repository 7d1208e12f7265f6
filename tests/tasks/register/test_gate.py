"""The gate decides by paired tests whose p-values are known from elsewhere."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tasks.finetune.method import STRONGEST
from tasks.register.gate import MODEL, Losses, Standard, compare, judge, same_items, sign_flip

STANDARD = Standard("text", baseline="ngram", margin=0.05, guards={"choice": 0.1}, alpha=0.05)


def losses(values, contaminated=(), weight=None) -> Losses:
    loss = np.asarray(values, dtype=np.float64)
    dirty = np.isin(np.arange(len(loss)), contaminated)
    return Losses(tuple(map(str, range(len(loss)))), loss, np.ones(len(loss)) if weight is None else weight, dirty)


def scores(own, **others):
    return {"text": {MODEL: losses(own), **{name: losses(values) for name, values in others.items()}}}


def drawn_differences(items: int, largest: int) -> np.ndarray:
    """Whole numbers from -largest to largest, somewhat above 0 on average."""
    numbers = np.arange(-largest, largest + 1)
    return np.random.default_rng(items).choice(numbers, size=items, p=(w := np.exp(0.1 * numbers / largest)) / w.sum())


def exact_p(differences: np.ndarray) -> float:
    """The share of all sign flips whose sum is at least as far from 0: the distribution of the sum, item by item."""
    span = int(np.abs(differences).sum())
    shares = np.zeros(2 * span + 1)
    shares[span] = 1.0
    for size in np.abs(differences):
        shares = (np.roll(shares, size) + np.roll(shares, -size)) / 2
    return float(shares[np.abs(np.arange(-span, span + 1)) >= abs(differences.sum())].sum())


@pytest.mark.parametrize("largest", [1, 7])
def test_few_items_are_tested_with_every_sign_flip_as_scipy_does(largest):
    differences = drawn_differences(14, largest)
    theirs = stats.permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(differences.astype(float)) == pytest.approx(theirs.pvalue, abs=1e-12)
    assert exact_p(differences) == pytest.approx(theirs.pvalue, abs=1e-12)


@pytest.mark.parametrize(("items", "largest"), [(200, 1), (120, 7)])
def test_drawn_sign_flips_agree_with_the_exact_distribution_within_four_standard_errors(items, largest):
    differences, draws = drawn_differences(items, largest), 99_999
    p = exact_p(differences)
    assert abs(sign_flip(differences.astype(float), draws=draws) - p) <= 4 * np.sqrt(p * (1 - p) / draws)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=10))
def test_the_test_is_blind_to_direction_and_scale(differences):
    d = np.array(differences)
    assert sign_flip(d) == sign_flip(-d) == pytest.approx(sign_flip(3 * d))
    assert 0 < sign_flip(d, one_sided=True) <= 1


def test_a_model_against_itself_is_not_worse_and_never_better():
    same = losses(np.linspace(1, 2, 40))
    c = compare(same, same, margin=0.01, alpha=0.05)
    assert (c.outcome, c.difference, c.p) == ("not worse", 0.0, 1.0)


def test_too_few_items_decide_nothing():
    assert compare(losses([1, 1, 1]), losses([2, 2, 2]), 0.1, 0.05).outcome == "undecided"


def test_a_clear_gain_is_better_a_clear_loss_worse_and_a_small_loss_not_worse():
    rng = np.random.default_rng(0)
    champion = rng.normal(2, 0.3, 200)
    noise = rng.normal(0, 0.02, 200)
    outcomes = [compare(losses(champion + noise + d), losses(champion), 0.05, 0.05).outcome for d in (-0.1, 0.02, 0.2)]
    assert outcomes == ["better", "not worse", "worse"]


def test_contaminated_items_decide_nothing():
    champion, candidate = np.full(40, 2.0), np.full(40, 2.1)
    candidate[:10] = 0.0
    learnt_by_heart = compare(losses(candidate, contaminated=range(10)), losses(champion), 0.0, 0.05)
    assert learnt_by_heart.outcome == "worse"
    assert (learnt_by_heart.items, learnt_by_heart.contaminated) == (30, 10)


def test_an_item_counts_by_its_weight():
    weight = np.array([1.0] * 30 + [1000.0])
    one = Losses(tuple(map(str, range(31))), np.array([1.0] * 30 + [3.0]), weight, np.zeros(31, bool))
    two = Losses(one.items, np.array([2.0] * 30 + [2.0]), weight, np.zeros(31, bool))
    assert compare(one, two, 0.0, 0.05).difference == pytest.approx((1000 - 30) / 1030)


def test_items_of_one_source_text_count_as_one_and_of_too_few_texts_each_for_itself():
    """Twelve texts of ten items, each text with its own difference: sure by item, not by text."""
    rng = np.random.default_rng(3)
    champion = rng.normal(2, 0.3, 120)
    effects = rng.normal(0, 0.1, 12)
    own = champion - 0.04 + np.repeat(effects - effects.mean(), 10)

    def compared(origins):
        one, two = (dataclasses.replace(losses(values), origins=origins) for values in (own, champion))
        return compare(one, two, 0.0, 0.05)

    texts, alone, few = compared(tuple(str(n // 10) for n in range(120))), compared(()), compared(("a", "b") * 60)
    assert (alone.outcome, alone.texts, texts.outcome, texts.texts) == ("better", 120, "undecided", 12)
    assert (few.outcome, few.texts) == ("better", 2)


def test_the_first_version_is_promoted_only_when_it_beats_the_baseline():
    good, bad = np.full(30, 1.0), np.full(30, 3.0)
    assert judge(scores(good, ngram=np.full(30, 2.0)), None, None, STANDARD).promote
    refused = judge(scores(bad, ngram=np.full(30, 2.0)), None, None, STANDARD)
    assert not refused.promote
    assert refused.outcome == "worse"
    assert not judge(scores(good), None, None, STANDARD).promote


def test_the_standard_is_the_strongest_baseline_of_the_run():
    """A model that beats a weak baseline and not the strongest is neither better nor promoted."""
    rule = dataclasses.replace(STANDARD, baseline=STRONGEST, guards={})
    noise = np.random.default_rng(1).normal(0, 0.01, 40)
    beaten = scores(1.0 + noise, majority=np.full(40, 1.5), tfidf=np.full(40, 0.6))
    first = judge(beaten, None, None, rule)
    assert (first.outcome, first.promote) == ("worse", False)
    assert "the baseline tfidf" in first.reasons[0] and "majority" not in " ".join(first.reasons)
    better = judge(scores(0.5 + noise, majority=np.full(40, 1.5), tfidf=np.full(40, 0.6)), None, None, rule)
    assert (better.outcome, better.promote) == ("better", True)
    later = judge(beaten, scores(1.2 + noise), scores(1.2 + noise), rule)
    assert (later.outcome, later.promote) == ("better", False) and "the baseline tfidf" in later.reasons[-1]
    alone = judge(scores(1.0 + noise), None, None, rule)
    assert not alone.promote and "no scores of the baseline strongest" in alone.reasons[0]


@pytest.mark.parametrize("champion", [None, scores(np.full(30, 2.0))])
def test_a_baseline_that_has_no_score_by_item_promotes_nothing_and_the_reason_names_those_that_have(champion):
    good = scores(np.full(30, 1.0), ngram=np.full(30, 2.0))
    good["text"]["xz"] = losses([3.0])
    for baseline, words in (("xz", "as a whole"), ("ngarm", "no scores")):
        verdict = judge(good, champion, champion, dataclasses.replace(STANDARD, baseline=baseline))
        assert not verdict.promote
        assert words in verdict.reasons[-1] and verdict.reasons[-1].endswith("there are: ngram")


def test_small_allowed_losses_cannot_accumulate():
    noise = np.random.default_rng(1).normal(0, 0.001, 60)
    anchor, promoted = scores(np.full(60, 1.0)), []
    champion = anchor
    for generation in range(1, 5):
        candidate = scores(np.full(60, 1.0 + 0.03 * generation) + noise, ngram=np.full(60, 2.0))
        verdict = judge(candidate, champion, anchor, STANDARD)
        assert verdict.outcome == "not worse"
        promoted.append(verdict.promote)
        champion = candidate if verdict.promote else champion
        if not verdict.promote:
            break
    assert promoted == [True, False]
    assert "anchor" in verdict.reasons[-1]


def test_a_lower_guard_score_refuses_a_better_model():
    champion = scores(np.full(30, 2.0)) | {"choice": {MODEL: losses(np.full(30, 0.2))}}
    candidate = scores(np.full(30, 1.0)) | {"choice": {MODEL: losses(np.full(30, 0.4))}}
    verdict = judge(candidate, champion, None, STANDARD)
    assert (verdict.outcome, verdict.promote) == ("better", False)
    assert "guard fell: choice" in verdict.reasons[-1]


def test_different_items_are_detected():
    assert same_items(scores([1, 2]), scores([3, 4]), ("text", "choice"))
    assert not same_items(scores([1, 2]), scores([1, 2, 3]), ("text",))
    assert not same_items(scores([1, 2]), {}, ("text",))


def test_a_reason_gives_both_values_in_the_tasks_own_direction():
    items = tuple(map(str, range(40)))
    clean, weight = np.zeros(40, bool), np.ones(40)

    def accuracy(right: int) -> dict:
        loss = -np.array([1.0] * right + [0.0] * (40 - right))
        return {"text": {MODEL: Losses(items, loss, weight, clean, "higher")}}

    rule = dataclasses.replace(STANDARD, baseline="", guards={})
    (reason,) = judge(accuracy(36), accuracy(20), None, rule).reasons
    assert reason.startswith("text: better than the champion: 0.900 against 0.500, 0.4 higher (p < 0.001, ")
    assert reason.endswith(", 40 items)")
    dirty = {"text": {MODEL: losses(np.ones(3), contaminated=range(3))}}
    (reason,) = judge(dirty, dirty, None, rule).reasons
    assert reason == "text: undecided against the champion: no clean item: all 3 occur in the training text too"


def test_the_strongest_baseline_is_no_candidate_that_lost_to_this_one_before():
    own, noise = np.full(40, 0.4), np.random.default_rng(0).normal(0, 0.05, 40)
    beside = scores(own + noise, network=own - 0.1, majority=own + 0.4)
    standard = dataclasses.replace(STANDARD, baseline=STRONGEST)
    refused = judge(beside, None, None, standard)
    assert not refused.promote and "the baseline network" in refused.reasons[0]
    assert judge(beside, None, None, dataclasses.replace(standard, peers=frozenset({"network"}))).promote


def test_a_model_that_loses_to_the_majority_is_never_champion():
    worse = scores(np.full(40, 0.6), majority=np.full(40, 0.5))
    for champion in (None, scores(np.full(40, 0.9))):
        verdict = judge(worse, champion, champion, dataclasses.replace(STANDARD, baseline="", guards={}))
        assert not verdict.promote and "commonest answer" in verdict.reasons[-1]
