"""Scores of a classifier: accuracy, macro-F1, confusion; and what always says the commonest class."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.evaluate.intervals import interval

Array = np.ndarray


def accuracies(probabilities: Array, labels: Array) -> list[float]:
    """Per item: 1 where the likeliest label is right."""
    return (probabilities.argmax(1) == labels).astype(float).tolist()


def confusion(probabilities: Array, labels: Array) -> Array:
    """Counts (item, true, predicted): a single 1 per item."""
    classes = probabilities.shape[1]
    one = np.zeros((len(labels), classes, classes))
    one[np.arange(len(labels)), labels, probabilities.argmax(1)] = 1
    return one


def macro_f1_interval(
    probabilities: Array, labels: Array, origins: Sequence[str], draws: int, seed: int
) -> tuple[float, float, float]:
    """The mean of the classes' F1, and its interval. A class that occurs nowhere counts as 0, as in scikit-learn."""
    classes = probabilities.shape[1]
    sums = confusion(probabilities, labels).reshape(len(labels), -1)
    return interval(sums, origins, lambda drawn: _macro_f1(drawn.reshape(-1, classes, classes)), draws, seed)


def _macro_f1(confusions: Array) -> Array:
    right = np.diagonal(confusions, axis1=1, axis2=2)
    both = confusions.sum(1) + confusions.sum(2)  # predicted and true counts of each class
    return np.where(both > 0, 2 * right / np.maximum(both, 1), 0.0).mean(1)


def majority_probabilities(labels: Sequence[int], count: int, classes: int) -> Array:
    """Probabilities (text, class) that are the training labels' frequencies, whatever the text."""
    counts = Counter(labels)
    shares = np.array([counts[label] for label in range(classes)], np.float64)
    return np.tile(shares / shares.sum(), (count, 1))


def write_confusion(total: Array, names: Sequence[str], out: Path) -> None:
    """Writes confusion.csv, a row per true label, and its picture."""
    with (out / "confusion.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["true \\ predicted", *names])
        table.writerows([name, *map(int, row)] for name, row in zip(names, total, strict=True))
    from tasks.report.pictures import draw_confusion

    draw_confusion(total.tolist(), names, out / "confusion.svg")
