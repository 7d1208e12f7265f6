"""Where each of our tensors lies in a Hugging Face file: a table a family, and the few that are stored otherwise."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from model.family import Shape
from model.hub_config import WeightsError

if TYPE_CHECKING:
    from model.decoder import Decoder


class Place(NamedTuple):
    """`{n}` in a name stands for the block's number."""

    name: str
    transposed: bool = False  # GPT-2's Conv1D keeps its matrices as (in, out)
    fused: str = ""  # holds queries, keys and values ("qkv"), or gate and up ("gate_up"), one after another
    part: int = 0  # of what is fused, from 0


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
    "blocks.{n}.attention.to_q.weight": Place(
        "transformer.h.{n}.attn.c_attn.weight", transposed=True, fused="qkv", part=0
    ),
    "blocks.{n}.attention.to_k.weight": Place(
        "transformer.h.{n}.attn.c_attn.weight", transposed=True, fused="qkv", part=1
    ),
    "blocks.{n}.attention.to_v.weight": Place(
        "transformer.h.{n}.attn.c_attn.weight", transposed=True, fused="qkv", part=2
    ),
    "blocks.{n}.attention.to_q.bias": Place("transformer.h.{n}.attn.c_attn.bias", fused="qkv", part=0),
    "blocks.{n}.attention.to_k.bias": Place("transformer.h.{n}.attn.c_attn.bias", fused="qkv", part=1),
    "blocks.{n}.attention.to_v.bias": Place("transformer.h.{n}.attn.c_attn.bias", fused="qkv", part=2),
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
QWEN2 = LLAMA | {
    f"blocks.{{n}}.attention.to_{name}.bias": Place(f"model.layers.{{n}}.self_attn.{name}_proj.bias") for name in "qkv"
}
AFTER = {
    "blocks.{n}.attention_out_norm.weight": Place("model.layers.{n}.post_attention_layernorm.weight"),
    "blocks.{n}.mlp_out_norm.weight": Place("model.layers.{n}.post_feedforward_layernorm.weight"),
}
OLMO2 = QWEN3 | AFTER
GEMMA2 = LLAMA | AFTER | {"blocks.{n}.mlp_norm.weight": Place("model.layers.{n}.pre_feedforward_layernorm.weight")}
GEMMA3 = QWEN3 | GEMMA2
PHI3_FUSED = {"attention.to_q": 0, "attention.to_k": 1, "attention.to_v": 2}, {"mlp.to_gate": 0, "mlp.to_up": 1}
PHI3 = LLAMA | {
    f"blocks.{{n}}.{ours}.weight": Place(f"model.layers.{{n}}.{theirs}_proj.weight", fused=fused, part=part)
    for (fused, theirs), parts in zip((("qkv", "self_attn.qkv"), ("gate_up", "mlp.gate_up")), PHI3_FUSED, strict=True)
    for ours, part in parts.items()
}
ALIKE: dict[str, dict[str, Place]] = dict.fromkeys(("llama", "mistral", "granite", "smollm3", "gemma"), LLAMA)
PLACES = ALIKE | {
    "gpt2": GPT2,
    "qwen2": QWEN2,
    "qwen3": QWEN3,
    "olmo2": OLMO2,
    "phi3": PHI3,
    "gemma2": GEMMA2,
    "gemma3_text": GEMMA3,
}
PREFIX = dict.fromkeys(PLACES, "model.") | {"gpt2": "transformer."}  # absent where the bare network was saved
FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
BUFFERS = re.compile(r"(\.attn\.(bias|masked_bias)|\.rotary_emb\.inv_freq)$")  # computed, kept by older versions


def place_of(family: str, parameter: str) -> Place:
    """Where our parameter, say `blocks.3.mlp.to_up.weight`, lies in a file of the family."""
    number = re.search(r"blocks\.(\d+)\.", parameter)
    place = PLACES[family][re.sub(r"blocks\.\d+\.", "blocks.{n}.", parameter)]
    return place._replace(name=place.name.format(n=number[1])) if number else place


def rows_of(shape: Shape, place: Place, rows: int) -> list[int]:
    """The rows of each part of the stored matrix, as ours count them; of one that is not fused, its own."""
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    return {"": [rows], "qkv": [queries, keys, keys], "gate_up": [shape.ffn_width] * 2}[place.fused]


def gathered(decoder: "Decoder") -> dict[str, torch.Tensor]:
    """Our parameters under their names in a file, those that are fused in one; every matrix is (out, in)."""
    parts: dict[str, list[torch.Tensor]] = {}
    for name, parameter in decoder.named_parameters():
        parts.setdefault(place_of(decoder.shape.family, name).name, []).append(parameter.detach().cpu())
    return {name: those[0] if len(those) == 1 else torch.cat(those) for name, those in parts.items()}


def transposed_names(shape: Shape) -> set[str]:
    """The matrices that the family's file keeps as (in, out)."""
    places = PLACES[shape.family].values()
    return {place.name.format(n=block) for place in places if place.transposed for block in range(shape.depth)}


def refuse_not_finite(tensor: torch.Tensor, name: str, file: Path) -> None:
    """WeightsError where a weight is NaN or infinite, or no float: each answer would be wrong, without a warning."""
    if tensor.dtype not in FLOATS:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise WeightsError(
            f"{file}: {name} is stored as {kind}: the weights are quantized",
            "take the float weights they were made from",
        )
    if not torch.isfinite(tensor).all():
        raise WeightsError(
            f"{file}: {name} holds weights that are not finite", "take weights from before that happened"
        )
