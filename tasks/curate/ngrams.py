"""Gopher's repetition of word n-grams, for a whole batch of documents in a few sorts.

All tokens of the batch lie in one array; `document` says whose each is. Equal hashes stand for equal n-grams.
"""

from dataclasses import dataclass

import numpy as np

TOP = (2, 3, 4)
REPEATED = (5, 6, 7, 8, 9, 10)
MIX = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch, document after document."""

    document: np.ndarray  # int64, whose
    counts: np.ndarray  # int64, tokens by document
    hash: np.ndarray  # uint64, of the token
    polynomial: np.ndarray  # uint64, of its characters; with `power` the hash of a concatenation
    power: np.ndarray
    length: np.ndarray  # int64, characters


def top_gram_characters(tokens: Tokens, n: int) -> np.ndarray:
    """For each document the characters of its most frequent n-gram (blanks between words) times its occurrences.

    Of equally frequent ones the first counts, as in datatrove; 0 where there are fewer than n words.
    """
    result = np.zeros(len(tokens.counts), np.int64)
    start = _starts(tokens, n)
    if not len(start):
        return result
    grams = tokens.hash[start]
    for offset in range(1, n):
        grams = grams * MIX + tokens.hash[start + offset]
    keys = _keys(grams, tokens.document[start])
    order = np.argsort(keys)
    run = np.flatnonzero(np.append(True, np.diff(keys[order]) != 0))
    occurrences = np.diff(np.append(run, len(order)))
    seen_first = np.minimum.reduceat(order, run)  # position in `start` of the n-gram's first occurrence
    owner = tokens.document[start[seen_first]]
    best = np.lexsort((seen_first, -occurrences, owner))
    best = best[np.append(True, np.diff(owner[best]) != 0)]
    ends = np.cumsum(tokens.length)
    begin = start[seen_first[best]]
    characters = ends[begin + n - 1] - ends[begin] + tokens.length[begin] + n - 1
    result[owner[best]] = characters * occurrences[best]
    return result


def repeated_gram_characters(tokens: Tokens) -> dict[int, np.ndarray]:
    """{n: for each document the characters in n-grams seen before}, each counted once, as datatrove walks through them.

    Its n-grams are joined without blanks: the hash is that of the concatenation.
    """
    first_token = np.cumsum(tokens.counts) - tokens.counts
    grams, size = tokens.polynomial, len(tokens.hash)
    lengths = tokens.length
    results = {}
    for n in range(2, max(REPEATED) + 1):
        grams = grams[: max(size - n + 1, 0)] * tokens.power[n - 1 :] + tokens.polynomial[n - 1 :]
        lengths = lengths[: max(size - n + 1, 0)] + tokens.length[n - 1 :]
        if n in REPEATED:
            results[n] = np.zeros(len(tokens.counts), np.int64)
            for document in _with_repeats(tokens, grams, n):
                begin = first_token[document]
                inside = slice(begin, begin + tokens.counts[document] - n + 1)
                results[n][document] = _walk(grams[inside].tolist(), lengths[inside].tolist(), n)
    return results


def _starts(tokens: Tokens, n: int) -> np.ndarray:
    """Positions from which n tokens lie in one document."""
    size = max(len(tokens.document) - n + 1, 0)
    return np.flatnonzero(tokens.document[:size] == tokens.document[n - 1 :])


def _keys(grams: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Equal where n-gram and document are."""
    return grams ^ (document.astype(np.uint64) * MIX)


def _with_repeats(tokens: Tokens, grams: np.ndarray, n: int) -> list[int]:
    start = _starts(tokens, n)
    keys = _keys(grams[start], tokens.document[start])
    ordered = np.sort(keys)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.unique(tokens.document[start[np.isin(keys, again)]]).tolist() if len(again) else []


def _walk(grams: list[int], lengths: list[int], n: int) -> int:
    seen, characters, position = set(), 0, 0
    while position < len(grams):
        if grams[position] in seen:
            characters += lengths[position]
            position += n
        else:
            seen.add(grams[position])
            position += 1
    return characters
