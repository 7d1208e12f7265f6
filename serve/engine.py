"""What an engine is: the weights of one model, ready, and how tokens are drawn from them.

    decoder_engine.py   our own decoder, which reads every model of ours
    llama_cpp.py        llama.cpp, several times as fast, on a quantised GGUF file of the same model
    upstream.py         any server with OpenAI's API, to which requests are passed on

engine_choice.py takes one of them for a model.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tasks.models.vocabulary import Vocabulary

DECODER, LLAMA_CPP = "decoder", "llama.cpp"


@dataclass(frozen=True)
class ModelFiles:
    """What an engine is loaded from."""

    weights: Path  # a folder in the Hugging Face layout, or a .gguf file
    sha256: str  # of a registered version's files; "" for others
    vocabulary: "Vocabulary"
    gguf: Path | None = None  # the file that `weights` were read from, where they were made as GGUF


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn, and when to stop. Engines refuse nothing here: what one cannot do is not in its `can`."""

    max_tokens: int
    temperature: float  # 0: always the likeliest
    top_p: float
    seed: int
    stop: frozenset[int]  # ids that end the text
    continues: bool = True  # the text goes on from the prompt's, and is no answer that begins anew
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    min_p: float = 0.0  # tokens less likely than this share of the likeliest are not drawn
    json_schema: str = ""  # the JSON that the text must be; "": any text
    logprobs: int | None = None  # how many likeliest tokens beside each; None: no log-probabilities


@dataclass(frozen=True)
class TokenScore:
    """ln p of a token under the model, before temperature and top-p, and of the likeliest ones in its place."""

    id: int
    logprob: float | None  # None: there is nothing before it
    likeliest: tuple[tuple[int, float], ...] = ()  # the likeliest first


@dataclass(frozen=True)
class Generated:
    """Some more of the text: at least one token, or the last of several whose bytes make one character."""

    data: bytes
    tokens: int
    is_end: bool = False  # the model has ended the text: the last token was one that ends it
    scores: tuple[TokenScore, ...] = ()


class EngineError(Exception):
    """The engine failed: its process ended, or it refuses what it was given."""


class Engine(Protocol):
    """The weights of one model, ready. It is unloaded when nothing refers to it any more."""

    name: str  # DECODER, LLAMA_CPP
    precision: str  # of its weights: float32, q8_0
    slots: int  # texts that it makes at once
    can: frozenset[str]  # fields of a request, beyond the common ones, that it takes

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together that it reads at most."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether it can answer now."""
        ...

    def generate(self, prompt: Sequence[int], sampling: Sampling) -> AsyncGenerator[Generated]:
        """What follows, each part as soon as it is known: at most `max_tokens`. Closing the generator ends the work.

        The same seed gives the same ids, where the engine's arithmetic does not depend on what else it works on.
        EngineError where it fails.
        """
        ...

    async def score(self, ids: Sequence[int], likeliest: int) -> list[TokenScore]:
        """Each id given those before it, with so many of the likeliest in its place."""
        ...
