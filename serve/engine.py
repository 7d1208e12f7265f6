"""The engine that generates tokens: a small interface, and its first implementation, the decoder itself.

A faster engine takes this one's place in listen.py, and nothing else changes: it is loaded from a folder of weights,
and its generators may be drawn from several threads at once, one a slot.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tasks.models.pretrained import decoder_of
from tasks.models.vocabulary import Vocabulary


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn, and when to stop."""

    max_tokens: int
    temperature: float  # 0: always the likeliest
    top_p: float
    seed: int
    stop: frozenset[int]  # ids that end the text


class Engine(Protocol):
    """The weights of one model, ready."""

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together that it reads at most."""
        ...

    def generate(self, prompt: Sequence[int], sampling: Sampling) -> Generator[int]:
        """The ids that follow, each as soon as it is known: at most `max_tokens`, an id of `stop` last if drawn.

        The same seed gives the same ids. Closing the generator ends the work.
        """
        ...


class DecoderEngine:
    """model/generate.py with its cache of keys and values, a token at a time."""

    def __init__(self, weights: Path) -> None:
        self._decoder = decoder_of(weights)
        self._never = Vocabulary(weights).ids_without_token(self._decoder.shape.vocabulary)

    @property
    def context(self) -> int:
        return self._decoder.shape.context

    def generate(self, prompt: Sequence[int], sampling: Sampling) -> Generator[int]:
        from model.generate import generate

        return generate(
            self._decoder,
            prompt,
            sampling.max_tokens,
            sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            stop=sampling.stop,
            never=self._never,
        )
