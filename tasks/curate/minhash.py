"""Shingles of a document and their MinHash bands (Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3)."""

import numpy as np

from tasks.curate.config import MinHash
from tasks.curate.words import WordMemo

MIX = np.uint64(0x9E3779B97F4A7C15)
HASHED_AT_ONCE = 1 << 18  # shingles: what keeps the arithmetic in the processor's cache


def shingles(words: WordMemo, flat: np.ndarray, counts: np.ndarray, config: MinHash) -> list[np.ndarray]:
    """For each document the sorted different hashes (uint32) of its n-grams of simplified words.

    A document of fewer than n words is one shingle; one without words has none.
    """
    at, per_chunk = words.simple.gather(flat)
    document = np.repeat(np.repeat(np.arange(len(counts)), counts), per_chunk)
    sizes = np.bincount(document, minlength=len(counts))
    hashes = words.simple_hash.values[at]
    return [_shingles(part, config.ngram) for part in np.split(hashes, np.cumsum(sizes)[:-1])]


def _shingles(words: np.ndarray, ngram: int) -> np.ndarray:
    if not len(words):
        return np.zeros(0, np.uint32)
    n = min(ngram, len(words))
    grams = words[: len(words) - n + 1]
    for offset in range(1, n):
        grams = (grams ^ (grams >> np.uint64(29))) * MIX + words[offset : len(words) - n + 1 + offset]
    return np.unique((grams * MIX) >> np.uint64(32)).astype(np.uint32)


def bands(sets: list[np.ndarray], config: MinHash) -> np.ndarray:
    """(documents, bands) uint64: equal values are bands whose hashes all agree. A row of zeros has no shingles."""
    result = np.zeros((len(sets), config.bands), np.uint64)
    sizes = np.array([len(s) for s in sets], np.int64)
    filled = np.flatnonzero(sizes)
    begin = 0
    while begin < len(filled):
        end = begin + max(1, int(np.searchsorted(np.cumsum(sizes[filled[begin:]]), HASHED_AT_ONCE, "right")))
        rows = filled[begin:end]
        result[rows] = _bands_of([sets[row] for row in rows], config)
        begin = end
    return result


def _bands_of(sets: list[np.ndarray], config: MinHash) -> np.ndarray:
    starts = np.cumsum([0] + [len(s) for s in sets[:-1]])
    shingle = np.concatenate(sets).astype(np.uint64) * MIX
    shingle ^= shingle >> np.uint64(31)
    draw = np.random.Generator(np.random.PCG64(config.seed))
    result = np.zeros((len(sets), config.bands), np.uint64)
    for band in range(config.bands):
        for _ in range(config.rows):
            factor, shift = draw.integers(0, 1 << 63, 2, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
            lowest = np.minimum.reduceat(shingle * factor + shift, starts)
            result[:, band] = (result[:, band] ^ lowest ^ (lowest >> np.uint64(32))) * MIX
    return result
