"""The shape of a decoder, and what each family of decoders is: the one table that tells them apart."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_SIZE, MAX_DEPTH = 1 << 24, 1000  # far beyond any model: what a damaged config says is refused before it is built


class Traits(NamedTuple):
    """What a family is made of. The network and the export read these, never the family's name."""

    norm: Literal["layer", "rms", "rms + 1"]
    positions: Literal["learned", "rotary"]
    mlp: Literal["gelu", "swiglu", "geglu"]
    tied: bool = False  # how published models of the family usually are
    query_norms: Literal["none", "each head", "all heads"] = (
        "none"  # RMS norms of queries and keys, before the rotation
    )
    bias: Literal["none", "qkv", "all"] = "none"  # of linear layers; the head never has one
    block_norms: Literal["before", "after", "both"] = "before"  # of what attention and MLP read, or write
    grouped: bool = True  # fewer key/value heads than query heads, and a head width of its own, are possible


LLAMA = Traits("rms", "rotary", "swiglu")
GEMMA = Traits("rms + 1", "rotary", "geglu", tied=True)
FAMILIES = {
    "gpt2": Traits("layer", "learned", "gelu", tied=True, bias="all", grouped=False),  # Radford et al. 2019
    "llama": LLAMA,  # arXiv 2307.09288, 2407.21783
    "mistral": LLAMA,  # with a window (arXiv 2310.06825)
    "phi3": LLAMA,  # with fused matrices (arXiv 2404.14219)
    "granite": LLAMA,  # with multipliers (arXiv 2405.04324)
    "smollm3": LLAMA._replace(tied=True),  # with blocks that do not rotate (https://hf.co/blog/smollm3)
    "qwen2": LLAMA._replace(bias="qkv"),  # arXiv 2407.10671, 2412.15115
    "qwen3": LLAMA._replace(tied=True, query_norms="each head"),  # arXiv 2505.09388
    "olmo2": LLAMA._replace(query_norms="all heads", block_norms="after"),  # arXiv 2501.00656
    "gemma": GEMMA,  # arXiv 2403.08295
    "gemma2": GEMMA._replace(block_norms="both"),  # with caps and windows (arXiv 2408.00118)
    "gemma3_text": GEMMA._replace(block_norms="both", query_norms="each head"),  # arXiv 2503.19786
}
Family = Literal[
    "gpt2",
    "llama",
    "mistral",
    "phi3",
    "granite",
    "smollm3",
    "qwen2",
    "qwen3",
    "olmo2",
    "gemma",
    "gemma2",
    "gemma3_text",
]


class RopeScaling(BaseModel):
    """A stretching of the rotary frequencies to a longer context: all alike, or as Llama 3.1 does.

    `kind` is Hugging Face's rope_type; the linear one (Chen et al. 2023, arXiv 2306.15595) has a factor only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["llama3", "linear"] = "llama3"
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

    family: Family
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
    window: int | None = Field(default=None, ge=1)  # tokens that a position sees, itself included; None: all before it
    global_blocks: tuple[int, ...] = ()  # which see all of them nevertheless
    unrotated_blocks: tuple[int, ...] = ()  # without rotary positions (NoPE: arXiv 2305.19466)
    rotated_share: float = Field(default=1.0, gt=0, le=1)  # of a head's dimensions
    embedding_multiplier: float = 1.0
    residual_multiplier: float = 1.0  # of what attention and MLP add
    attention_multiplier: float | None = None  # of the scores; None: 1 / sqrt(head_width)
    logits_scaling: float = Field(default=1.0, gt=0)  # what logits are divided by
    attention_cap: float | None = Field(default=None, gt=0)  # scores s become cap · tanh(s / cap)
    logits_cap: float | None = Field(default=None, gt=0)
    local_rope_theta: float | None = Field(
        default=None, gt=0
    )  # of blocks with a window, whose positions no one stretches

    @property
    def traits(self) -> Traits:
        return FAMILIES[self.family]

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads = {self.heads} is not a multiple of kv_heads = {self.kv_heads}")
        if self.traits.positions == "rotary" and (self.head_width % 2 or self.rotated_width % 2):
            raise ValueError(f"head_width = {self.head_width} must be even: rotary positions turn pairs")
        if not self.traits.grouped and (self.kv_heads, self.head_width * self.heads) != (self.heads, self.width):
            raise ValueError(f"{self.family} needs kv_heads = heads and head_width = width / heads")
        return self

    @property
    def rotated_width(self) -> int:
        """Dimensions of a head that rotary positions turn, the first ones."""
        return int(self.head_width * self.rotated_share)

    def window_of(self, block: int) -> int | None:
        """How many tokens a position of that block sees; None: all before it."""
        return None if block in self.global_blocks else self.window

    @property
    def parameters(self) -> int:
        """How many numbers are trained, without building the network (a test counts the real ones)."""
        traits, queries, keys = self.traits, self.heads * self.head_width, self.kv_heads * self.head_width
        projections = self.width * (queries + 2 * keys) + queries * self.width
        mlp = (2 if traits.mlp == "gelu" else 3) * self.width * self.ffn_width
        qkv_biases, other_biases = queries + 2 * keys, self.width + self.ffn_width + self.width
        biases = {"none": 0, "qkv": qkv_biases, "all": qkv_biases + other_biases}[traits.bias]
        norm = (2 if traits.norm == "layer" else 1) * self.width
        query_norms = {"none": 0, "each head": 2 * self.head_width, "all heads": queries + keys}[traits.query_norms]
        block = projections + mlp + biases + (4 if traits.block_norms == "both" else 2) * norm + query_norms
        embeddings = self.vocabulary * self.width * (1 if self.tied else 2)
        positions = self.context * self.width if traits.positions == "learned" else 0
        return embeddings + positions + self.depth * block + norm
