"""The network: one decoder whose shape says which family it is of.

b batch · t position · s position attended to · d width · v vocabulary · h query heads
"""

from collections.abc import Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.attention import Attention, KVCache, Rotations, capped, rotations
from model.family import Shape, SpecialIds
from model.norm import norm_of


class Decoder(nn.Module):
    """Token ids in, hidden states out; `logits` or model/cross_entropy.py make predictions of them."""

    def __init__(self, shape: Shape, special_ids: SpecialIds | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.special_ids = special_ids or SpecialIds()
        self.embedding = table(shape.vocabulary, shape.width)
        self.positions = POSITIONS[shape.traits.positions](shape)
        self.blocks = nn.ModuleList(Block(shape, number) for number in range(shape.depth))
        self.norm = norm_of(shape, shape.width)
        self.head = None if shape.tied else nn.Linear(shape.width, shape.vocabulary, bias=False)

    def forward(
        self,
        tokens_bt: Tensor,
        positions_bt: Tensor | None = None,
        mask: Tensor | None = None,
        caches: list[KVCache] | None = None,
    ) -> Tensor:
        """Normed hidden states (b,t,d), divided as the logits are.

        Without a mask (b,1,t,s) attention is causal; `True` in one means: may attend.

        `positions_bt` counts from 0 unless given (one row serves a whole batch); `caches`, one a block, hold the
        tokens before these.
        """
        if positions_bt is None:
            positions_bt = torch.arange(tokens_bt.shape[1], device=tokens_bt.device).unsqueeze(0)
        x_btd, rotate = self.embed(tokens_bt, positions_bt)
        for number, block in enumerate(self.blocks):
            x_btd = block(x_btd, rotate, mask, None if caches is None else caches[number])
        return scaled(self.norm(x_btd), 1 / self.shape.logits_scaling)

    def embed(self, tokens_bt: Tensor, positions_bt: Tensor) -> tuple[Tensor, Rotations]:
        """What the first block reads, and how queries and keys are turned."""
        return self.positions(scaled(self.embedding(tokens_bt), self.shape.embedding_multiplier), positions_bt)

    @property
    def head_weight_vd(self) -> Tensor:
        """The matrix that turns hidden states into logits: the embedding itself where the two are tied."""
        return self.embedding.weight if self.head is None else self.head.weight

    def logits(self, x_btd: Tensor) -> Tensor:
        return capped(F.linear(x_btd, self.head_weight_vd), self.shape.logits_cap)

    @torch.no_grad()
    def copy_rows(self, source_of: Mapping[int, int]) -> None:
        """Token `id` begins as a copy of token `source_of[id]`: its row of the embedding and of the output."""
        for matrix_vd in {id(m): m for m in (self.embedding.weight, self.head_weight_vd)}.values():
            for token, source in source_of.items():
                matrix_vd[token] = matrix_vd[source]

    def attention_maps(self, tokens_bt: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """For each block who looks at whom: (b,h,t,s), rows sum to 1. For looking at; training never makes them."""
        positions_bt = torch.arange(tokens_bt.shape[1], device=tokens_bt.device).unsqueeze(0)
        x_btd, rotate = self.embed(tokens_bt, positions_bt)
        maps = []
        for block in cast("list[Block]", list(self.blocks)):
            read = block.attention_norm(x_btd)
            maps.append(block.attention.weights(read, rotate, mask))
            x_btd = block(x_btd, rotate, mask)
        return maps


class Block(nn.Module):
    def __init__(self, shape: Shape, number: int) -> None:
        super().__init__()
        where, self.multiplier = shape.traits.block_norms, shape.residual_multiplier
        before, after = where != "after", where != "before"
        self.attention_norm = norm_of(shape, shape.width) if before else nn.Identity()
        self.attention = Attention(shape, number)
        self.attention_out_norm = norm_of(shape, shape.width) if after else nn.Identity()
        self.mlp_norm = norm_of(shape, shape.width) if before else nn.Identity()
        self.mlp = MLPS[shape.traits.mlp](shape)
        self.mlp_out_norm = norm_of(shape, shape.width) if after else nn.Identity()

    def forward(
        self, x_btd: Tensor, rotate: Rotations, mask_b1ts: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        y_btd = self.attention(self.attention_norm(x_btd), rotate, mask_b1ts, cache)
        x_btd = x_btd + scaled(self.attention_out_norm(y_btd), self.multiplier)
        y_btd = self.mlp(self.mlp_norm(x_btd))
        return x_btd + scaled(self.mlp_out_norm(y_btd), self.multiplier)


def scaled(x_btd: Tensor, factor: float) -> Tensor:
    """The values times the factor; themselves where it is 1."""
    return x_btd if factor == 1 else x_btd * factor


class GatedMLP(nn.Module):
    """SwiGLU, or Gemma's GeGLU with the GELU's tanh approximation (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.is_gelu = shape.traits.mlp == "geglu"
        self.to_gate = nn.Linear(shape.width, shape.ffn_width, bias=shape.traits.bias == "all")
        self.to_up = nn.Linear(shape.width, shape.ffn_width, bias=shape.traits.bias == "all")
        self.to_out = nn.Linear(shape.ffn_width, shape.width, bias=shape.traits.bias == "all")

    def forward(self, x_btd: Tensor) -> Tensor:
        gate_btd = self.to_gate(x_btd)
        gate_btd = F.gelu(gate_btd, approximate="tanh") if self.is_gelu else F.silu(gate_btd)
        return self.to_out(gate_btd * self.to_up(x_btd))


class Gelu(nn.Module):
    """GPT-2's MLP; its GELU is the tanh approximation (Hendrycks & Gimpel 2016, arXiv 1606.08415)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.to_hidden = nn.Linear(shape.width, shape.ffn_width, bias=shape.traits.bias == "all")
        self.to_out = nn.Linear(shape.ffn_width, shape.width, bias=shape.traits.bias == "all")

    def forward(self, x_btd: Tensor) -> Tensor:
        return self.to_out(F.gelu(self.to_hidden(x_btd), approximate="tanh"))


class LearnedPositions(nn.Module):
    """A vector a position, added to the embedding; queries and keys are not turned."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = table(shape.context, shape.width)

    def forward(self, x_btd: Tensor, positions_bt: Tensor) -> tuple[Tensor, Rotations]:
        return x_btd + self.embedding(positions_bt), Rotations(unturned, unturned)


class RotaryPositions(nn.Module):
    """Nothing is added; queries and keys are turned by their positions in every block."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x_btd: Tensor, positions_bt: Tensor) -> tuple[Tensor, Rotations]:
        return x_btd, rotations(self.shape, positions_bt)


def unturned(q_or_k: Tensor) -> Tensor:
    """The queries or keys as they are."""
    return q_or_k


def table(rows: int, width: int) -> nn.Embedding:
    """An embedding of zeros. torch's own filling, where there is only the device meta, imports its compiler: 2 s."""
    return nn.Embedding.from_pretrained(torch.zeros(rows, width), freeze=False)


POSITIONS = {"learned": LearnedPositions, "rotary": RotaryPositions}
MLPS = {"gelu": Gelu, "swiglu": GatedMLP, "geglu": GatedMLP}


@torch.no_grad()
def initialise(decoder: Decoder, seed: int) -> Decoder:
    """The decoder with fresh weights, the same for the same seed (drawn on the CPU, in order of the parameters).

    Matrices and embeddings are normal with deviation 0.02, or 1 / sqrt(width) where that is smaller; the two matrices
    of a block that write to the residual stream are smaller by 1 / sqrt(2 · depth), so that the stream's variance does
    not grow with depth (GPT-2: Radford et al. 2019, section 2.3). Norm gains are 1, biases 0.
    """
    generator = torch.Generator().manual_seed(seed)
    deviation = min(0.02, decoder.shape.width**-0.5)
    neutral = 0.0 if decoder.shape.traits.norm == "rms + 1" else 1.0
    for name, parameter in decoder.named_parameters():
        if parameter.dim() == 1:
            parameter.fill_(neutral if name.endswith("norm.weight") else 0.0)
            continue
        scale = (2 * decoder.shape.depth) ** -0.5 if name.endswith("to_out.weight") else 1.0
        drawn = torch.empty(parameter.shape, dtype=torch.float32).normal_(0, deviation * scale, generator=generator)
        parameter.copy_(drawn)
    return decoder
