"""Bits per byte: the code length of a document under a decoder over its size, so that vocabularies can be compared.

The first token is predicted from what begins a text: the bos of models that have one, else the document separator.
The bytes are those of the text as it was, also where a tokenizer changes it (Unicode normalisation) or has no token for
some of it. In a document longer than the context every
later token is predicted from at least half a context, in overlapping windows. 1 nat = 1 / ln 2 bits, and the perplexity
per byte is 2 ** bits per byte.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.models.likelihood import document_log_probabilities

if TYPE_CHECKING:
    from model.decoder import Decoder
    from tasks.evaluate.held_out import HeldOutDocument


def document_bits(decoder: "Decoder", documents: Sequence[Sequence[int]], begin: int) -> list[float]:
    """The bits of each document: -log2 p of its tokens, summed."""
    logarithms = document_log_probabilities(decoder, documents, begin)
    return [0.0 - float(own.sum()) / math.log(2) for own in logarithms]


def per_byte(bits: Sequence[float], documents: Sequence["HeldOutDocument"]) -> list[float]:
    """Bits per byte of each document."""
    return [own / len(document.text) for own, document in zip(bits, documents, strict=True)]
