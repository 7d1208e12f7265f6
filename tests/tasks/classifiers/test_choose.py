"""The simplest candidate that none beats is the model; probabilities are calibrated on the same rows."""

import numpy as np
import pytest

from model.text_classifier import softmax
from tasks.classifiers.calibrate import expected_calibration_error, reliability, temperature
from tasks.classifiers.choose import mcnemar, simplest_unbeaten


def right(count: int, rows: int = 100) -> np.ndarray:
    return np.arange(rows) < count


def test_a_network_must_beat_the_simpler_candidate_by_the_paired_test() -> None:
    assert simplest_unbeaten({"tfidf": right(80), "features": right(60), "network": right(84)})[0] == "tfidf"
    assert simplest_unbeaten({"tfidf": right(80), "features": right(60), "network": right(95)})[0] == "network"
    assert simplest_unbeaten({"tfidf": right(80), "features": right(92), "network": right(95)})[0] == "features"
    assert simplest_unbeaten({"tfidf": right(80), "network": right(20)})[0] == "tfidf"


def test_mcnemars_test_is_exact() -> None:
    assert mcnemar(right(86), right(80)) == pytest.approx(2 * 0.5**6)
    assert mcnemar(right(80), right(80)) == 1.0


def test_the_temperature_that_logits_were_multiplied_by_is_recovered() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 3)) * 2
    labels = np.array([random.choice(3, p=row) for row in softmax(logits)])
    assert temperature(logits * 3, labels) == pytest.approx(3.0, rel=0.05)
    before, after = (reliability(softmax(logits * 3 / heat), labels) for heat in (1.0, 3.0))
    assert expected_calibration_error(before) > 0.1
    assert expected_calibration_error(after) < 0.02
    assert sum(bin.rows for bin in after) == len(labels)


def test_the_calibration_error_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    bins = reliability(probabilities, np.array([0, 1, 1, 1]))
    assert [(bin.low, bin.rows, bin.accuracy) for bin in bins] == [(0.6, 2, 1.0), (0.9, 2, 0.5)]
    assert expected_calibration_error(bins) == pytest.approx((0.4 + 0.4) / 2)
