"""An n-gram model: modified Kneser-Ney, interpolated down to the uniform distribution, so always a true probability.

    p_k(w | h) = max(c(h w) - D(c(h w)), 0) / c(h)  +  γ(h) p_{k-1}(w | h without its oldest symbol),   p_0 = 1 / V

with three discounts an order (Chen & Goodman 1999, "An empirical study of smoothing techniques for language modeling",
section 3). c is the count at the highest order and the number of different left neighbours below it; a history that
starts a document has no left neighbours, and keeps its count. An unseen history leaves p_{k-1} as it is.

An n-gram is one integer, a symbol to each `bits`, the newest lowest: so the n-grams of one history lie side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Documents = Sequence[Array]  # each one's symbols


@dataclass(frozen=True)
class Level:
    """One order's n-grams, sorted, and what their histories leave to the order below."""

    grams: Array  # (g,) uint64
    numerators: Array  # (g,) count less its discount
    histories: Array  # (h,) uint64
    totals: Array  # (h,)
    left: Array  # (h,) γ times the total

    def interpolate(self, keys: Array, lower: Array, bits: int) -> Array:
        """p_k of n-grams, from p_{k-1} of the same."""
        wanted = keys >> np.uint64(bits)
        history, is_known = _find(self.histories, wanted)
        gram, is_seen = _find(self.grams, keys)
        own = np.where(is_seen, self.numerators[gram], 0.0)
        return np.where(is_known, (own + self.left[history] * lower) / self.totals[history], lower)


class NGrams:
    """The model of every order up to `highest`, over symbols 0 … symbols - 1."""

    def __init__(self, documents: Documents, symbols: int, highest: int) -> None:
        self.symbols, self.bits = symbols, symbols.bit_length()  # one symbol more: a document's start
        self.highest = min(highest, 64 // self.bits)
        stream, positions = self._stream(documents)
        counts = [
            np.unique(self._keys(stream, positions, order)[0], return_counts=True)
            for order in range(1, self.highest + 1)
        ]
        self.tops = [_level(*own, self.bits) for own in counts]
        self.lowers = [
            _level(*self._continuations(counts[order - 1], counts[order][0], order), self.bits)
            for order in range(1, self.highest)
        ]

    def bits_per_symbol(self, documents: Documents, order: int) -> list[Array]:
        """-log2 p of every symbol of each document, at most `order - 1` symbols and the document's start before it."""
        stream, positions = self._stream(documents)
        p = np.full(len(stream), 1.0 / self.symbols)
        for k in range(1, order + 1):
            keys, at = self._keys(stream, positions, k)
            level = self.tops[k - 1] if k == order else self.lowers[k - 1]
            p[at] = level.interpolate(keys, p[at], self.bits)
        surprise = -np.log2(p)
        ends = np.cumsum([len(document) + 1 for document in documents])
        return [part[1:] for part in np.split(surprise, ends[:-1])] if len(ends) else []

    def best_order(self, documents: Documents) -> int:
        """The order that spends the fewest bits on these documents."""
        spent = {
            order: sum(float(part.sum()) for part in self.bits_per_symbol(documents, order))
            for order in range(1, self.highest + 1)
        }
        return min(spent, key=lambda order: (spent[order], order))

    def _stream(self, documents: Documents) -> tuple[Array, Array]:
        """All symbols, a start before each document, and how many symbols of its document lie before each."""
        start = np.array([self.symbols], np.uint64)
        parts = [part for document in documents for part in (start, document.astype(np.uint64))]
        lengths = np.array([len(document) + 1 for document in documents], np.int64)
        begins = np.repeat(np.cumsum(lengths) - lengths, lengths)
        stream = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        return stream, np.arange(len(stream)) - begins

    def _keys(self, stream: Array, positions: Array, order: int) -> tuple[Array, Array]:
        """The n-grams of one order that lie within a document and end in a symbol of it, and where they end."""
        at = np.flatnonzero(positions >= max(order - 1, 1))
        keys = stream[at]
        for back in range(1, order):
            keys = keys | (stream[at - back] << np.uint64(back * self.bits))
        return keys, at

    def _continuations(self, own: tuple[Array, Array], longer: Array, order: int) -> tuple[Array, Array]:
        """How many different symbols precede each n-gram; its count where only a document's start can precede it."""
        grams, counts = own
        is_start = grams >> np.uint64((order - 1) * self.bits) == self.symbols
        inner, neighbours = np.unique(longer & np.uint64((1 << (order * self.bits)) - 1), return_counts=True)
        if order == 1:  # a document's first symbol follows its start: counted among its neighbours already
            return inner, neighbours
        keys = np.concatenate([inner, grams[is_start]])
        order_of = np.argsort(keys, kind="stable")
        return keys[order_of], np.concatenate([neighbours, counts[is_start]])[order_of]


def _level(grams: Array, counts: Array, bits: int) -> Level:
    discount = _discounts(counts)[np.minimum(counts, 3)]
    histories, first = np.unique(grams >> np.uint64(bits), return_index=True)
    totals = np.add.reduceat(counts, first).astype(np.float64) if len(first) else np.empty(0)
    left = np.add.reduceat(discount, first) if len(first) else np.empty(0)
    return Level(grams, counts - discount, histories, totals, left)


def _discounts(counts: Array) -> Array:
    """The discounts of counts 0, 1, 2, and 3 or more (Chen & Goodman 1999, equation 17)."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)[:5].astype(np.float64)
    if (n[1:] == 0).any():
        return np.array([0.0, 0.5, 1.0, 1.5])  # too little text to estimate the discounts
    y = n[1] / (n[1] + 2 * n[2])
    estimated = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
    return np.array([0.0, *np.clip(estimated, 0.05, [0.95, 1.9, 2.85])])


def _find(among: Array, wanted: Array) -> tuple[Array, Array]:
    """Where each wanted value is in a sorted array, and whether it is there."""
    if not len(among):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(among, wanted), len(among) - 1)
    return at, among[at] == wanted
