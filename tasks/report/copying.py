"""How much of what a model wrote stands word for word in what it was trained on: the longest run of tokens in common.

Every run of four tokens is one 64-bit number, so the training text is compared a few million tokens at a time, without
an index. Real text that the model has not seen shares runs too: it is measured beside, as a yardstick.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.stream import Document, TokenStream

SEED = 4  # tokens: shorter runs are in any two texts
LONG = 8  # tokens from which a run counts as copied
TOKENS_AT_ONCE = 1 << 22
TABLE_BITS = 18
MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Match:
    """The longest run that a sample shares with the training text; 0 tokens where none is as long as SEED."""

    tokens: int = 0
    begin: int = 0  # in the sample
    position: int = 0  # in the stream
    copied: float = 0.0  # share of the sample's tokens that stand in runs of LONG or more


def nearest(samples: Sequence[np.ndarray], stream: TokenStream, most_tokens: int) -> list[Match]:
    """The match of each sample with the first `most_tokens` of the stream."""
    text = _Text.of(samples)
    if not text.seeds.size:
        return [Match() for _ in samples]
    best = [Match() for _ in samples]
    copied = np.zeros(len(text.tokens) + 1, dtype=np.int64)  # +1 where a long run begins, -1 where it ends
    overlap = max(map(len, samples))
    for first in range(0, min(len(stream), most_tokens), TOKENS_AT_ONCE):
        window = stream.read(first, min(TOKENS_AT_ONCE + overlap, len(stream) - first))
        at, begin, length = _runs(window, text)
        np.add.at(copied, begin[length >= LONG], 1)
        np.add.at(copied, (begin + length)[length >= LONG], -1)
        for sample in np.unique(text.owner[begin]).tolist():
            mine = np.flatnonzero(text.owner[begin] == sample)
            top = mine[np.argmax(length[mine])]
            if length[top] > best[sample].tokens:
                own = int(begin[top] - text.starts[sample])
                best[sample] = Match(int(length[top]), own, first + int(at[top]))
    inside = np.cumsum(copied[:-1]) > 0
    shares = [inside[a : a + len(s)].mean() if len(s) else 0 for a, s in zip(text.starts, samples, strict=True)]
    return [replace(match, copied=float(share)) for match, share in zip(best, shares, strict=True)]


def document_at(stream: TokenStream, position: int) -> Document:
    """The document whose token stands there."""
    return stream.documents_in(position, 1)[0]


@dataclass(frozen=True)
class _Text:
    """All samples in one array, and the numbers of their runs of SEED tokens, sorted."""

    tokens: np.ndarray
    owner: np.ndarray  # the sample of each token
    starts: np.ndarray  # of each sample
    seeds: np.ndarray  # uint64, sorted
    offsets: np.ndarray  # where each seed begins

    @classmethod
    def of(cls, samples: Sequence[np.ndarray]) -> "_Text":
        sizes = [len(sample) for sample in samples]
        tokens = np.concatenate([*samples, np.zeros(0, np.uint16)])
        owner = np.repeat(np.arange(len(samples)), sizes)
        packed = _packed(tokens)
        whole = np.flatnonzero(owner[: len(packed)] == owner[SEED - 1 :])
        order = whole[np.argsort(packed[whole], kind="stable")]
        return cls(tokens, owner, np.cumsum([0, *sizes])[:-1], packed[order], order)


def _runs(window: np.ndarray, text: _Text) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(place in the window, place in the text, length) of every run in common that is not part of a longer one."""
    packed = _packed(window)
    known = np.zeros(1 << TABLE_BITS, dtype=bool)
    known[_slot(text.seeds)] = True
    at = np.flatnonzero(known[_slot(packed)])
    low, high = (np.searchsorted(text.seeds, packed[at], side=side) for side in ("left", "right"))
    count = high - low
    at = np.repeat(at, count)
    nth = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
    begin = text.offsets[np.repeat(low, count) + nth]
    before_at, before = np.maximum(at - 1, 0), np.maximum(begin - 1, 0)
    goes_on = (at > 0) & (begin > text.starts[text.owner[begin]]) & (window[before_at] == text.tokens[before])
    at, begin = at[~goes_on], begin[~goes_on]
    length = np.full(len(at), SEED)
    growing = np.arange(len(at))
    while growing.size:
        a, b = at[growing] + length[growing], begin[growing] + length[growing]
        fits = (a < len(window)) & (b < len(text.tokens))
        fits[fits] = text.owner[b[fits]] == text.owner[begin[growing[fits]]]
        fits[fits] = window[a[fits]] == text.tokens[b[fits]]
        growing = growing[fits]
        length[growing] += 1
    return at, begin, length


def _packed(tokens: np.ndarray) -> np.ndarray:
    """Each run of SEED tokens as one number: equal for equal runs, and for others with a chance of 2⁻⁶⁴."""
    size = max(len(tokens) - SEED + 1, 0)
    packed = np.zeros(size, dtype=np.uint64)
    for n in range(SEED):
        packed = (packed ^ tokens[n : n + size]) * MIX
        packed ^= packed >> np.uint64(29)
    return packed


def _slot(packed: np.ndarray) -> np.ndarray:
    return (packed * MIX) >> np.uint64(64 - TABLE_BITS)
