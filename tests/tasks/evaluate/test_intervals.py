import numpy as np
import pytest
from sklearn.metrics import f1_score

from tasks.evaluate.classification import macro_f1_interval, majority_probabilities
from tasks.evaluate.contamination import contaminated
from tasks.evaluate.intervals import mean_interval


def test_the_value_is_the_weighted_mean() -> None:
    value, low, high = mean_interval(np.array([1.0, 3.0]), np.array([3.0, 1.0]), ["a", "b"], 200, 0)
    assert value == 1.5
    assert (low, high) == (1.0, 3.0)


def test_the_interval_of_independent_items_is_that_of_the_normal_formula() -> None:
    score = np.random.default_rng(0).normal(size=400)
    value, low, high = mean_interval(score, np.ones(400), [str(n) for n in range(400)], 4000, 0)
    half = 1.96 * score.std() / 20
    assert low == pytest.approx(value - half, abs=0.01)
    assert high == pytest.approx(value + half, abs=0.01)


def test_items_of_one_origin_count_as_one_text() -> None:
    """Each score four times over: a bootstrap by item would give an interval half as wide."""
    score = np.repeat(np.random.default_rng(1).normal(size=100), 4)
    by_origin = mean_interval(score, np.ones(400), [str(n // 4) for n in range(400)], 2000, 0)
    by_item = mean_interval(score, np.ones(400), [str(n) for n in range(400)], 2000, 0)
    assert 1.7 < (by_origin[2] - by_origin[1]) / (by_item[2] - by_item[1]) < 2.3


def test_one_origin_alone_is_resampled_by_item() -> None:
    value, low, high = mean_interval(np.array([0.0, 1.0, 0.0, 1.0]), np.ones(4), ["same"] * 4, 500, 0)
    assert low < value < high


def test_macro_f1_is_scikit_learns_and_lies_in_its_interval() -> None:
    random = np.random.default_rng(2)
    probabilities, labels = random.dirichlet(np.ones(3), size=90), random.integers(0, 3, 90)
    value, low, high = macro_f1_interval(probabilities, labels, [str(n // 3) for n in range(90)], 500, 0)
    assert value == pytest.approx(f1_score(labels, probabilities.argmax(1), average="macro"))
    assert low < value < high


def test_the_majority_knows_frequencies_only() -> None:
    assert majority_probabilities([0, 0, 2, 0], 2, 3).tolist() == [[0.75, 0.0, 0.25]] * 2


def test_thirteen_consecutive_words_of_the_training_text_contaminate_an_item() -> None:
    words = [f"word{n}" for n in range(40)]
    training = ["Something else. " + " ".join(words[:20]), " ".join(words[20:])]
    items = [
        "New start, " + ", ".join(words[3:16]).upper() + "!",
        " ".join(words[3:15]) + " but the thirteenth differs",
        " ".join(words[14:27]),  # runs over from one training text into the next
        "too short to say",
        " ".join(reversed(words)),
    ]
    assert contaminated(items, training) == [True, False, False, None, False]
    assert contaminated(["a b"], training) == [None]
    assert contaminated([], training) == []
