"""Weights in from GGUF, llama.cpp's file of one model: read, dequantised, and put where our decoder has them.

A quantised file gives the numbers it holds, not those it was made from: what it lost stays lost.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.decoder import Decoder
from model.family import Shape, SpecialIds
from model.gguf_header import DAMAGE, damaged, open_gguf
from model.hub_config import WeightsError
from model.hub_tensors import refuse_not_finite

LLAMA = {
    "embedding.weight": "token_embd.weight",
    "blocks.{n}.attention_norm.weight": "blk.{n}.attn_norm.weight",
    "blocks.{n}.attention.to_q.weight": "blk.{n}.attn_q.weight",
    "blocks.{n}.attention.to_k.weight": "blk.{n}.attn_k.weight",
    "blocks.{n}.attention.to_v.weight": "blk.{n}.attn_v.weight",
    "blocks.{n}.attention.to_out.weight": "blk.{n}.attn_output.weight",
    "blocks.{n}.mlp_norm.weight": "blk.{n}.ffn_norm.weight",
    "blocks.{n}.mlp.to_gate.weight": "blk.{n}.ffn_gate.weight",
    "blocks.{n}.mlp.to_up.weight": "blk.{n}.ffn_up.weight",
    "blocks.{n}.mlp.to_out.weight": "blk.{n}.ffn_down.weight",
    "norm.weight": "output_norm.weight",
    "head.weight": "output.weight",
}
QWEN3 = LLAMA | {
    "blocks.{n}.attention.q_norm.weight": "blk.{n}.attn_q_norm.weight",
    "blocks.{n}.attention.k_norm.weight": "blk.{n}.attn_k_norm.weight",
}
NAMES = {"llama": LLAMA, "qwen3": QWEN3}  # by general.architecture
HEAD = "output.weight"  # absent where the head is the embedding
FIELDS = {  # Shape's field: GGUF's, after the architecture's name
    "context": "context_length",
    "depth": "block_count",
    "width": "embedding_length",
    "heads": "attention.head_count",
    "kv_heads": "attention.head_count_kv",
    "ffn_width": "feed_forward_length",
    "norm_eps": "attention.layer_norm_rms_epsilon",
}


def load(file: Path) -> Decoder:
    """The decoder of a GGUF file, llama or qwen3, in float32; WeightsError where it is not one."""
    try:
        return _load(file)
    except WeightsError:
        raise
    except DAMAGE as error:
        raise damaged(file, error) from error


def _load(file: Path) -> Decoder:
    from gguf.quants import dequantize

    fields, tensors = open_gguf(file)
    metadata = {name: field.contents() for name, field in fields.items() if not name.startswith("tokenizer.ggml.t")}
    shape = _shape(metadata, file, HEAD not in tensors, int(tensors["token_embd.weight"].shape[1]))
    with torch.device("meta"):
        decoder = Decoder(shape, special_ids(metadata))
    state = dict[str, Tensor]()
    for name, parameter in decoder.named_parameters():
        theirs = _name(shape.family, name)
        if theirs not in tensors:
            raise WeightsError(f"{file}: the tensor {theirs} is missing", "copy the file again")
        stored = tensors.pop(theirs)
        with np.errstate(all="ignore"):  # what comes out is looked at below
            values = torch.tensor(dequantize(stored.data, stored.tensor_type), dtype=torch.float32)
        refuse_not_finite(values, theirs, file)
        state[name] = _turned_back(values.reshape(parameter.shape), name, shape).contiguous()
    if tensors:
        some = ", ".join(sorted(tensors)[:3])
        what = f"{file}: {len(tensors)} tensors have no place in a {shape.family} network: {some}"
        raise WeightsError(what, "take the model's safetensors")
    decoder.load_state_dict(state, assign=True)
    return decoder


def special_ids(metadata: Mapping[str, Any]) -> SpecialIds:
    """The ids that begin, end and fill a text."""
    ids = {name: metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "padding")}
    end = () if ids["eos"] is None else (int(ids["eos"]),)
    return SpecialIds(begin=ids["bos"], end=end, pad=ids["padding"])


def _shape(metadata: Mapping[str, Any], file: Path, tied: bool, vocabulary: int) -> Shape:
    family = metadata["general.architecture"]
    if family not in NAMES:
        what = f"{file}: general.architecture = {family!r}, but only {', '.join(NAMES)} are read from GGUF"
        raise WeightsError(what, "take weights of one of these families, or the model's safetensors")
    if metadata.get(f"{family}.rope.scaling.type", "none") != "none":
        raise WeightsError(f"{file}: stretched rotary positions are not read from GGUF", "take the model's safetensors")
    values = {
        ours: metadata[f"{family}.{theirs}"] for ours, theirs in FIELDS.items() if f"{family}.{theirs}" in metadata
    }
    width = metadata.get(f"{family}.attention.key_length") or values["width"] // values["heads"]
    theta = metadata.get(f"{family}.rope.freq_base", 10_000.0)
    fixed = {"family": family, "vocabulary": vocabulary, "tied": tied, "head_width": width, "rope_theta": theta}
    return Shape.model_validate({"kv_heads": values["heads"], **values, **fixed})


def _name(family: str, parameter: str) -> str:
    number = re.search(r"blocks\.(\d+)\.", parameter)
    return NAMES[family][re.sub(r"blocks\.\d+\.", "blocks.{n}.", parameter)].format(n=number[1] if number else "")


def _turned_back(tensor: Tensor, parameter: str, shape: Shape) -> Tensor:
    """llama.cpp turns neighbouring dimensions of a head together, Hugging Face those half a head apart."""
    if shape.family != "llama" or not parameter.endswith(("to_q.weight", "to_k.weight")):
        return tensor
    return tensor.unflatten(0, (-1, shape.head_width // 2, 2)).transpose(1, 2).flatten(0, 2)
