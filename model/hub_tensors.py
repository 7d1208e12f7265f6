"""Where each of our tensors lies in a Hugging Face file: a table a family, and the few that are stored otherwise."""

import re
from pathlib import Path
from typing import NamedTuple

import torch

from model.hub_config import WeightsError


class Place(NamedTuple):
    """`{n}` in a name stands for the block's number."""

    name: str
    transposed: bool = False  # GPT-2's Conv1D keeps its matrices as (in, out)
    third: int | None = None  # GPT-2's c_attn holds queries, keys and values: 0, 1, 2


LLAMA = {
    "embedding.weight": Place("model.embed_tokens.weight"),
    "blocks.{n}.attention_norm.weight": Place("model.layers.{n}.input_layernorm.weight"),
    "blocks.{n}.attention.to_q.weight": Place("model.layers.{n}.self_attn.q_proj.weight"),
    "blocks.{n}.attention.to_k.weight": Place("model.layers.{n}.self_attn.k_proj.weight"),
    "blocks.{n}.attention.to_v.weight": Place("model.layers.{n}.self_attn.v_proj.weight"),
    "blocks.{n}.attention.to_out.weight": Place("model.layers.{n}.self_attn.o_proj.weight"),
    "blocks.{n}.mlp_norm.weight": Place("model.layers.{n}.post_attention_layernorm.weight"),
    "blocks.{n}.mlp.to_gate.weight": Place("model.layers.{n}.mlp.gate_proj.weight"),
    "blocks.{n}.mlp.to_up.weight": Place("model.layers.{n}.mlp.up_proj.weight"),
    "blocks.{n}.mlp.to_out.weight": Place("model.layers.{n}.mlp.down_proj.weight"),
    "norm.weight": Place("model.norm.weight"),
    "head.weight": Place("lm_head.weight"),
}
QWEN3 = LLAMA | {
    "blocks.{n}.attention.q_norm.weight": Place("model.layers.{n}.self_attn.q_norm.weight"),
    "blocks.{n}.attention.k_norm.weight": Place("model.layers.{n}.self_attn.k_norm.weight"),
}
GPT2 = {
    "embedding.weight": Place("transformer.wte.weight"),
    "positions.embedding.weight": Place("transformer.wpe.weight"),
    "blocks.{n}.attention_norm.weight": Place("transformer.h.{n}.ln_1.weight"),
    "blocks.{n}.attention_norm.bias": Place("transformer.h.{n}.ln_1.bias"),
    "blocks.{n}.attention.to_q.weight": Place("transformer.h.{n}.attn.c_attn.weight", transposed=True, third=0),
    "blocks.{n}.attention.to_k.weight": Place("transformer.h.{n}.attn.c_attn.weight", transposed=True, third=1),
    "blocks.{n}.attention.to_v.weight": Place("transformer.h.{n}.attn.c_attn.weight", transposed=True, third=2),
    "blocks.{n}.attention.to_q.bias": Place("transformer.h.{n}.attn.c_attn.bias", third=0),
    "blocks.{n}.attention.to_k.bias": Place("transformer.h.{n}.attn.c_attn.bias", third=1),
    "blocks.{n}.attention.to_v.bias": Place("transformer.h.{n}.attn.c_attn.bias", third=2),
    "blocks.{n}.attention.to_out.weight": Place("transformer.h.{n}.attn.c_proj.weight", transposed=True),
    "blocks.{n}.attention.to_out.bias": Place("transformer.h.{n}.attn.c_proj.bias"),
    "blocks.{n}.mlp_norm.weight": Place("transformer.h.{n}.ln_2.weight"),
    "blocks.{n}.mlp_norm.bias": Place("transformer.h.{n}.ln_2.bias"),
    "blocks.{n}.mlp.to_hidden.weight": Place("transformer.h.{n}.mlp.c_fc.weight", transposed=True),
    "blocks.{n}.mlp.to_hidden.bias": Place("transformer.h.{n}.mlp.c_fc.bias"),
    "blocks.{n}.mlp.to_out.weight": Place("transformer.h.{n}.mlp.c_proj.weight", transposed=True),
    "blocks.{n}.mlp.to_out.bias": Place("transformer.h.{n}.mlp.c_proj.bias"),
    "norm.weight": Place("transformer.ln_f.weight"),
    "norm.bias": Place("transformer.ln_f.bias"),
    "head.weight": Place("lm_head.weight"),
}
PLACES = {"gpt2": GPT2, "llama": LLAMA, "qwen3": QWEN3}
PREFIX = {"gpt2": "transformer.", "llama": "model.", "qwen3": "model."}  # absent where the bare network was saved
BUFFERS = re.compile(r"(\.attn\.(bias|masked_bias)|\.rotary_emb\.inv_freq)$")  # computed, kept by older versions


def place_of(family: str, parameter: str) -> Place:
    """Where our parameter, say `blocks.3.mlp.to_up.weight`, lies in a file of the family."""
    number = re.search(r"blocks\.(\d+)\.", parameter)
    place = PLACES[family][re.sub(r"blocks\.\d+\.", "blocks.{n}.", parameter)]
    return place._replace(name=place.name.format(n=number[1])) if number else place


def refuse_not_finite(tensor: torch.Tensor, name: str, file: Path) -> None:
    """WeightsError where a weight is NaN or infinite: each answer would be, without a warning."""
    if not torch.isfinite(tensor).all():
        raise WeightsError(
            f"{file}: {name} holds weights that are not finite", "take weights from before that happened"
        )
