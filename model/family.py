"""The shape of a decoder, and what each family of decoders is: the one table that tells gpt2, llama and qwen3 apart."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_SIZE, MAX_DEPTH = 1 << 24, 1000  # far beyond any model: what a damaged config says is refused before it is built


class Traits(NamedTuple):
    """What a family is made of. The network and the export read these, never the family's name."""

    norm: Literal["layer", "rms"]
    positions: Literal["learned", "rotary"]
    mlp: Literal["gelu", "swiglu"]
    head_norms: bool  # queries and keys are RMS-normed per head before the rotation
    bias: bool  # on every linear layer but the head
    grouped: bool  # fewer key/value heads than query heads, and a head width of its own, are possible
    tied: bool  # how published models of the family usually are


FAMILIES = {
    "gpt2": Traits("layer", "learned", "gelu", head_norms=False, bias=True, grouped=False, tied=True),  # Radford 2019
    "llama": Traits("rms", "rotary", "swiglu", head_norms=False, bias=False, grouped=True, tied=False),  # 2307.09288
    "qwen3": Traits("rms", "rotary", "swiglu", head_norms=True, bias=False, grouped=True, tied=True),  # 2505.09388
}


class RopeScaling(BaseModel):
    """Llama 3.1's stretching of the rotary frequencies to a longer context (Hugging Face's rope_type "llama3")."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: float = Field(default=8.0, gt=0)
    low_freq_factor: float = Field(default=1.0, gt=0)
    high_freq_factor: float = Field(default=4.0, gt=0)
    original_context: int = Field(default=8192, gt=0)

    @model_validator(mode="after")
    def has_a_band_between(self) -> Self:
        if self.high_freq_factor <= self.low_freq_factor:
            raise ValueError("high_freq_factor must be larger than low_freq_factor")
        return self


class SpecialIds(BaseModel):
    """Ids that weights name beside their shape; they come from the tokenizer that the weights are read with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begin: int | None = None
    end: tuple[int, ...] = ()  # any of them ends a text or an answer
    pad: int | None = None

    def ended_by(self, ids: Iterable[int]) -> "SpecialIds":
        """With these as the first of `end`."""
        return self.model_copy(update={"end": tuple(dict.fromkeys((*ids, *self.end)))})


class Shape(BaseModel):
    """Everything that decides which tensors a decoder has and what it computes with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Literal["gpt2", "llama", "qwen3"]
    vocabulary: int = Field(ge=1, le=MAX_SIZE)
    context: int = Field(ge=1, le=MAX_SIZE)  # longest sequence, in tokens
    depth: int = Field(ge=1, le=MAX_DEPTH)  # blocks
    width: int = Field(ge=1, le=MAX_SIZE)
    heads: int = Field(ge=1, le=MAX_SIZE)
    kv_heads: int = Field(ge=1, le=MAX_SIZE)
    head_width: int = Field(ge=1, le=MAX_SIZE)
    ffn_width: int = Field(ge=1, le=MAX_SIZE)
    tied: bool  # the head is the embedding
    rope_theta: float = Field(default=10_000.0, gt=0)
    rope_scaling: RopeScaling | None = None
    norm_eps: float = Field(default=1e-5, gt=0)

    @property
    def traits(self) -> Traits:
        return FAMILIES[self.family]

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads = {self.heads} is not a multiple of kv_heads = {self.kv_heads}")
        if self.traits.positions == "rotary" and self.head_width % 2:
            raise ValueError(f"head_width = {self.head_width} must be even: rotary positions turn pairs")
        if not self.traits.grouped and (self.kv_heads, self.head_width * self.heads) != (self.heads, self.width):
            raise ValueError(f"{self.family} needs kv_heads = heads and head_width = width / heads")
        return self

    @property
    def parameters(self) -> int:
        """How many numbers are trained, without building the network (a test counts the real ones)."""
        traits, queries, keys = self.traits, self.heads * self.head_width, self.kv_heads * self.head_width
        projections = self.width * (queries + 2 * keys) + queries * self.width
        mlp = (3 if traits.mlp == "swiglu" else 2) * self.width * self.ffn_width
        biases = (queries + 2 * keys + self.width + self.ffn_width + self.width) if traits.bias else 0
        norm = (2 if traits.norm == "layer" else 1) * self.width
        block = projections + mlp + biases + 2 * norm + (2 * self.head_width if traits.head_norms else 0)
        embeddings = self.vocabulary * self.width * (1 if self.tied else 2)
        positions = self.context * self.width if traits.positions == "learned" else 0
        return embeddings + positions + self.depth * block + norm
