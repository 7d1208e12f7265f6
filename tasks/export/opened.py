"""An exported model as the program it was made for reads it: what a proof compares with the model itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from model.chat import Turn


class Opened(Protocol):
    """A model that another program has loaded."""

    @property
    def program(self) -> str:
        """Its name and version, as in `transformers 5.23.0`."""
        ...

    def close(self) -> None:
        """Ends what it has begun."""
        ...

    def encode(self, text: str) -> list[int]:
        """The ids of a text, nothing added before or after it, the name of a special token being ordinary text."""
        ...

    def turns(self, turns: "Sequence[Turn]") -> list[int] | None:
        """The ids that a conversation has as this program marks its turns; None where it does not mark any."""
        ...

    def greedy(self, prompt: Sequence[int], count: int, ends: frozenset[int]) -> list[int]:
        """The likeliest ids after the prompt, one after another: `count` at most, one of `ends` last if it comes."""
        ...

    def log_probabilities(self, tokens: Sequence[int], first: int = 1) -> np.ndarray:
        """Natural logarithms (t - first,) of `tokens[first:]`, each given all before it."""
        ...
