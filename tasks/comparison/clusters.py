"""Items of one source text as one cluster, and what a mean over items varies by where whole clusters are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 6  # clusters whose signs can show something at the level 0.05: of five, all alike is 1 in 16

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """The cluster of each item, numbered from 0; where texts are too few each item is its own."""

    of_item: NDArray[np.int64]
    count: int
    texts: int  # that the items are of

    def sums(self, values: Array) -> Array:
        """The sum of each cluster's items."""
        sums = np.zeros(self.count)
        np.add.at(sums, self.of_item, values)
        return sums


def clusters(origins: Sequence[str]) -> Clusters:
    """By the items' source texts. Fewer than FEWEST texts cannot stand for others: what is said is of these alone."""
    names, of_item = np.unique(np.asarray(origins, dtype=str), return_inverse=True)
    if len(names) >= FEWEST or len(names) == len(of_item):
        return Clusters(of_item.astype(np.int64), len(names), len(names))
    return Clusters(np.arange(len(of_item), dtype=np.int64), len(of_item), len(names))


def standard_error(values: Array, weight: Array, by: Clusters) -> float:
    """Of sum(values · weight) / sum(weight); NaN for a single cluster.

    A ratio's variance by linearisation, over clusters, with the correction for few of them (Cochran 1977, ch. 6 and 9):
    c / (c - 1) · sum over clusters of (sum of weight · (value - mean))² / sum(weight)².
    """
    if by.count < 2:
        return float("nan")
    mean = np.average(values, weights=weight)
    residuals = by.sums(weight * (values - mean)) / weight.sum()
    return float(np.sqrt(by.count / (by.count - 1) * (residuals**2).sum()))
