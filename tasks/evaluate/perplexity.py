"""Bits per byte: what a decoder needs to tell a document, by its bytes, so that vocabularies can be compared.

The first token is foretold from `<|endoftext|>`, the document separator; of a longer document every token from at least
half a context, in overlapping windows. 1 nat = 1 / ln 2 bits (perplexity a byte = 2 ** bits per byte).
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.evaluate.likelihood import Window, log_probabilities, windows

if TYPE_CHECKING:
    from model.decoder import Decoder


def document_bits(decoder: "Decoder", documents: Sequence[Sequence[int]], separator: int) -> list[float]:
    """The bits of each document's tokens."""
    context = decoder.shape.context
    asked: list[Window] = []
    owner: list[int] = []
    for number, tokens in enumerate(documents):
        own = list(windows([separator, *tokens], 1, context, max(1, context // 2)))
        asked += own
        owner += [number] * len(own)
    bits = [0.0] * len(documents)
    for number, (logarithms, _) in zip(owner, log_probabilities(decoder, asked), strict=True):
        bits[number] -= float(logarithms.sum()) / math.log(2)
    return bits
