"""A classifier of any kind in a folder: texts in, calibrated probabilities out, and the reasons for them.

n text · c class · t token · d width
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.classes import Classes, read_classes

Array = NDArray[np.float64]


class Scorer(Protocol):
    """What gives logits, and shares them out among the pieces of a text."""

    def logits(self, texts: Sequence[str]) -> Array: ...
    def contributions(self, text: str) -> tuple[list[str], Array]: ...


@dataclass(frozen=True)
class Reason:
    """A piece of the text and what it adds to a class's logit, beside what it adds to the others' in the mean."""

    piece: str
    weight: float  # above 0: for the class; below: against it


@dataclass(frozen=True)
class TextClassifier:
    """The classes and what scores them."""

    classes: Classes
    scorer: Scorer

    @property
    def labels(self) -> tuple[str, ...]:
        return self.classes.labels

    def probabilities(self, texts: Sequence[str]) -> Array:
        """(n,c), calibrated."""
        return softmax(self.scorer.logits(texts) / self.classes.temperature)

    def reasons(self, text: str, label: str, most: int = 10) -> list[Reason]:
        """The pieces that weigh most for and against the label, the heaviest first.

        All pieces' weights and the bias are the difference of the label's logit to the other labels' mean: this is the
        sum itself, no estimate. A network has read a token together with those before it.
        """
        pieces, added_fc = self.scorer.contributions(text)
        own = self.labels.index(label)
        others = np.delete(added_fc, own, axis=1).mean(1)
        weights = dict.fromkeys(pieces, 0.0)
        for piece, weight in zip(pieces, added_fc[:, own] - others, strict=True):
            weights[piece] += float(weight)
        heaviest = sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0]))[:most]
        return [Reason(piece, weight) for piece, weight in heaviest if weight]


class NetworkScorer:
    """A decoder and its head, with the folder's tokenizer."""

    def __init__(self, folder: Path) -> None:
        from model import head
        from model.codec import Codec

        self.model, self.codec = head.load(folder).eval(), Codec(folder)

    def logits(self, texts: Sequence[str]) -> Array:
        from model import head

        return head.logits(self.model, self._ids(texts)).double().numpy()

    def contributions(self, text: str) -> tuple[list[str], Array]:
        """The tokens within the context, and what the decoder's state at each adds to each logit (t,c)."""
        from model import head

        ids = self._ids([text])[0][: self.model.decoder.shape.context]
        pieces = [self.codec.decode([id], continues=True).decode(errors="replace") for id in ids]
        return pieces, head.shares(self.model, ids).double().numpy()

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [[*self.codec.bos, *ids] for ids in self.codec.encode(texts)]


def load_classifier(folder: Path) -> TextClassifier:
    """The classifier in a folder that a fine-tuning wrote or a registered version holds."""
    from model import tfidf

    classes = read_classes(folder)
    return TextClassifier(classes, tfidf.load(folder) if classes.kind == "tfidf" else NetworkScorer(folder))


def softmax(logits_nc: Array) -> Array:
    """Probabilities of rows of logits."""
    exponentials_nc = np.exp(logits_nc - logits_nc.max(1, keepdims=True))
    return exponentials_nc / exponentials_nc.sum(1, keepdims=True)
