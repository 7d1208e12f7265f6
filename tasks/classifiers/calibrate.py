"""How far a classifier's probabilities can be believed.

Temperature scaling, and the expected calibration error over equally wide bins (Guo et al. 2017, sections 4.2 and 2).
n row · c class
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.text_classifier import Array, softmax

BINS = 10
LIMITS = (0.05, 20.0)  # of a temperature: few rows without a mistake would ask for 0
MIN_PROBABILITY = 1e-12  # lower ones count as this: one confident mistake shall not outweigh all other items


@dataclass(frozen=True)
class Bin:
    """The rows whose likeliest class has a probability in a range."""

    low: float
    high: float
    rows: int
    confidence: float  # the mean probability of the likeliest class
    accuracy: float


def log_losses(probabilities: Array, labels: np.ndarray) -> list[float]:
    """Per item: -ln p of the right label."""
    return (-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], MIN_PROBABILITY))).tolist()


def temperature(logits_nc: Array, labels: np.ndarray) -> float:
    """That which gives these rows the least loss."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        return float(np.mean(log_losses(softmax(logits_nc / np.exp(log_temperature)), labels)))

    best = minimize_scalar(loss, bounds=tuple(np.log(LIMITS)), method="bounded", options={"xatol": 1e-4})
    return round(float(np.exp(best.x)), 4)


def reliability(probabilities: Array, labels: np.ndarray) -> list[Bin]:
    """The bins that have rows, from the least sure on."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        Bin(n / BINS, (n + 1) / BINS, int(own.sum()), float(confidence[own].mean()), float(right[own].mean()))
        for n in range(BINS)
        if (own := place == n).any()
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """The mean distance of confidence and accuracy over rows."""
    rows = sum(bin.rows for bin in bins)
    return sum(bin.rows * abs(bin.confidence - bin.accuracy) for bin in bins) / rows
