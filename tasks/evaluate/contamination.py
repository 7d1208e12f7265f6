"""Contamination: an item is contaminated where thirteen of its words in a row occur in the training text.

(Brown et al. 2020, arXiv 2005.14165, appendix C.) Words are compared in lower case and without punctuation.
Only the items' runs of words are held in memory; the training text is streamed once.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

WORDS = 13
TEXTS_AT_A_TIME = 1000
_WORD = re.compile(r"\w+")
_UNKNOWN = 0  # a word of no item, and the gap between two texts: in no item's run
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd: a run's hash is a polynomial in it, modulo 2^64


def contaminated(items: Sequence[str], training: Iterable[str]) -> list[bool | None]:
    """Per item: whether one of its runs is in the training texts; None where it is shorter than a run."""
    number: dict[str, int] = {}
    runs = [_runs([number.setdefault(word, len(number) + 1) for word in _words(item)]) for item in items]
    wanted = np.unique(np.concatenate(runs)) if runs else np.empty(0, np.uint64)
    if not len(wanted):
        return [None] * len(items)
    is_present = np.zeros(len(wanted), bool)
    for ids in _training_words(training, number):
        passing = _runs(ids)
        at = np.minimum(np.searchsorted(wanted, passing), len(wanted) - 1)
        is_present[at[wanted[at] == passing]] = True
    return [bool(is_present[np.searchsorted(wanted, own)].any()) if len(own) else None for own in runs]


def _training_words(training: Iterable[str], number: dict[str, int]) -> Iterator[list[int]]:
    texts = iter(training)
    while some := list(islice(texts, TEXTS_AT_A_TIME)):
        ids: list[int] = []
        for text in some:
            ids += [number.get(word, _UNKNOWN) for word in _words(text)]
            ids.append(_UNKNOWN)
        yield ids


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _runs(ids: list[int]) -> np.ndarray:
    """The hash of each run of WORDS words."""
    if len(ids) < WORDS:
        return np.empty(0, np.uint64)
    values = _mix(np.array(ids, np.uint64))
    count = len(values) - WORDS + 1
    runs = np.zeros(count, np.uint64)
    for back in range(WORDS):
        runs = runs * _MULTIPLIER + values[back : count + back]
    return runs


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Well-mixed 64-bit values of small numbers (SplitMix64: Steele, Lea & Flood 2014)."""
    z = (numbers + np.uint64(1)) * _MULTIPLIER
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
