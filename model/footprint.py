"""What a decoder of a shape takes: its tensors, arithmetic for a token, and memory to train and to serve it.

Nothing is built: a network on the device `meta` has shapes and no numbers.
"""

import re
from dataclasses import dataclass

import torch

from model.decoder import Decoder
from model.depth import matrix_parameters
from model.family import Shape

FLOAT32, FLOAT16 = 4, 2  # bytes of a number
ADAMW_NUMBERS = 4  # in float32 for each weight: itself, its gradient, two moments (arXiv 1711.05101)
BLOCK = 32  # weights that share a scale in ggml's Q8_0 and Q4_0
QUANTISED = {"q8_0": 34 / BLOCK, "q4_0": 18 / BLOCK}  # bytes of a weight: 8 or 4 bits, and a float16 for each block
FORMATS = ("f32", "bf16", "q8_0", "q4_0")
LOSS_ROWS = 256  # positions whose logits model/cross_entropy.py holds at once on a CPU


@dataclass(frozen=True)
class TensorKind:
    """Tensors that are alike in all blocks; `{n}` in the name stands for the block's number."""

    name: str
    shape: tuple[int, ...]
    count: int

    @property
    def size(self) -> int:
        """Numbers in one of them."""
        return torch.Size(self.shape).numel()

    @property
    def parameters(self) -> int:
        """Numbers in all of them."""
        return self.count * self.size


def tensor_kinds(shape: Shape) -> tuple[TensorKind, ...]:
    """Every parameter of the network, those of its blocks together, in the order of the network."""
    with torch.device("meta"):
        decoder = Decoder(shape)
    counts: dict[tuple[str, tuple[int, ...]], int] = {}
    for name, parameter in decoder.named_parameters():
        kind = re.sub(r"^blocks\.\d+\.", "blocks.{n}.", name), tuple(parameter.shape)
        counts[kind] = counts.get(kind, 0) + 1
    return tuple(TensorKind(name, size, count) for (name, size), count in counts.items())


def forward_flops(shape: Shape, position: int | None = None) -> float:
    """FLOPs of reading one token, the last of the context or the one at that position: 2 N + 4 L H Q T.

    N counts the parameters that are multiplied (Kaplan et al. 2020, arXiv 2001.08361, table 1; Hoffmann et al. 2022,
    arXiv 2203.15556, appendix F). T is the number of tokens that a block attends to, at most its window. Training
    takes three times as many: the backward pass twice the forward one.
    """
    reached = sum(tokens_attended(shape, position or shape.context))
    return 2.0 * matrix_parameters(shape) + 4.0 * shape.heads * shape.head_width * reached


def tokens_attended(shape: Shape, tokens: int) -> list[int]:
    """Of so many tokens those that the last position of each block attends to."""
    return [min(tokens, shape.window_of(block) or tokens) for block in range(shape.depth)]


def kv_cache_bytes(shape: Shape, tokens: int) -> int:
    """Keys and values of one text of that length in 16 bits, in a block with a window those of the window only."""
    return 2 * FLOAT16 * shape.kv_heads * shape.head_width * sum(tokens_attended(shape, tokens))


def weight_bytes(shape: Shape, form: str) -> int:
    """The weights in one of FORMATS. Quantised are matrices whose rows divide into blocks, as export writes them."""
    return round(sum(kind.parameters * _bytes_a_weight(kind, form) for kind in tensor_kinds(shape)))


def _bytes_a_weight(kind: TensorKind, form: str) -> float:
    if form not in QUANTISED:
        return {"f32": FLOAT32, "bf16": FLOAT16}[form]
    if len(kind.shape) < 2 or kind.name.startswith("positions"):
        return FLOAT32
    if kind.shape[1] % BLOCK:
        return FLOAT16
    is_table = kind.name.startswith(("embedding", "head"))  # of which q4_0 keeps eight bits
    return QUANTISED["q8_0" if is_table else form]


def training_bytes(shape: Shape) -> int:
    """Weights, gradients and AdamW's moments, all in float32."""
    return ADAMW_NUMBERS * FLOAT32 * shape.parameters


def activation_bytes(shape: Shape, tokens: int) -> int:
    """What the forward pass of one sequence keeps for the backward pass in float32, about.

    A block keeps what its matrices and its norms read, queries, keys and values, and the MLP's halves. Attention
    weights are computed again, but where scores are capped. The loss holds the logits of a portion. A test measures
    what torch keeps: it is within a tenth of this.
    """
    traits, queries, keys = shape.traits, shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    norm = 2 if traits.norm == "layer" else 3  # its input and output, and of an RMS norm what is between
    norms = {"before": 2 * norm, "after": 2 * norm, "both": 2 * norm + 4}[traits.block_norms]
    query_norms = 0 if traits.query_norms == "none" else 2
    mlp = 2 if traits.mlp == "gelu" else 4
    block = norms * shape.width + (2 + query_norms) * (queries + keys) + mlp * shape.ffn_width
    if shape.attention_cap is not None:
        block += 2 * shape.heads * tokens
    numbers = tokens * (shape.depth * block + norm * shape.width)
    return FLOAT32 * (numbers + min(LOSS_ROWS, tokens) * shape.vocabulary)
