"""What any model must beat: an interpolated n-gram model of the same training text, and `xz` primed with it.

xz compresses the training text and then the documents in one stream whose window holds all of it, and the documents
cost the bytes that they add. So xz may learn from earlier documents, which no model here can. Preset 6: `-9e` takes
twice as long for a thousandth of a bit per byte, once the window is as large.
"""

import lzma
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from tasks.evaluate.ngrams import NGrams

LARGEST_WINDOW = 1 << 30
SEPARATOR = b"\n"
PENDING = bytes(16_384)  # zeros that flush what liblzma holds back, 4 KiB and a longest match; they cost a few bytes


class NGramBaseline:
    """The n-gram model over tokens whose order spends the fewest bits on the validation documents."""

    def __init__(
        self, train: Sequence[np.ndarray], validation: Sequence[np.ndarray], symbols: int, highest: int
    ) -> None:
        self._validation = validation
        self._ngrams = NGrams(train, symbols, highest)

    @cached_property
    def order(self) -> int:
        """The highest order of n-grams that the model uses."""
        return self._ngrams.best_order(self._validation)

    def bits(self, documents: Sequence[np.ndarray]) -> list[float]:
        """The bits of each document."""
        return [float(part.sum()) for part in self._ngrams.bits_per_symbol(documents, self.order)]

    def log_likelihoods(self, requests: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """ln p of each continuation given its context, both as ids."""
        whole = [np.array([*context, *continuation], np.uint64) for context, continuation in requests]
        bits = self._ngrams.bits_per_symbol(whole, self.order)
        own = [part[len(context) :] for part, (context, _) in zip(bits, requests, strict=True)]
        return [-float(part.sum()) * np.log(2) for part in own]


def xz_bits(train: bytes, splits: Sequence[Sequence[bytes]]) -> list[float]:
    """The bits that the documents of each split add to the compressed training text."""
    size = len(train) + sum(len(document) + 1 for documents in splits for document in documents)
    window = min(LARGEST_WINDOW, 1 << (size + len(PENDING) * (len(splits) + 1)).bit_length())
    xz = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": window}])
    spent = []
    _feed(xz, train)
    for documents in splits:
        spent.append(8.0 * _feed(xz, SEPARATOR.join(documents)))
    return spent


def _feed(xz: lzma.LZMACompressor, text: bytes) -> int:
    """The compressed bytes of the text, the encoder flushed."""
    return len(xz.compress(text)) + len(xz.compress(PENDING)) + len(xz.compress(SEPARATOR))
