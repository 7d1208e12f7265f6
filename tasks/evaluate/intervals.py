"""95 % bootstrap intervals, clustered: passages of one text are not independent, so whole texts are resampled.

Percentiles of the statistic over resampled clusters (Efron & Tibshirani 1993, chapter 13; Field & Welsh 2007).
"""

from collections.abc import Callable, Sequence

import numpy as np

Array = np.ndarray
LEVEL = 0.95


def mean_interval(
    score: Array, weight: Array, clusters: Sequence[str], draws: int, seed: int
) -> tuple[float, float, float]:
    """sum(score · weight) / sum(weight), and its interval."""
    sums = np.stack([score * weight, weight], axis=1)
    return interval(sums, clusters, lambda drawn: drawn[:, 0] / drawn[:, 1], draws, seed)


def interval(
    sums: Array, clusters: Sequence[str], statistic: Callable[[Array], Array], draws: int, seed: int
) -> tuple[float, float, float]:
    """A statistic of column sums (draw, column) over items (item, column), and its interval.

    Where all items are of one cluster there is nothing to draw among, and items are drawn instead.
    """
    names, cluster = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    if len(names) < 2:
        cluster = np.arange(len(sums))
    count = int(cluster.max()) + 1
    by_cluster = np.zeros((count, sums.shape[1]))
    np.add.at(by_cluster, cluster, sums)
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(statistic(times @ by_cluster), [tail, 100 - tail])
    return float(statistic(by_cluster.sum(0, keepdims=True))[0]), float(low), float(high)
