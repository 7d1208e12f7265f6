"""Weights out to GGUF, llama.cpp's file of one model: a tensor after another, quantised on the way.

The types of q4_k_m follow llama.cpp's own mixture (its src/llama-quant.cpp): more bits for the head and, in some
blocks, for values and the MLP's way out. A row that a type's blocks do not divide takes the next type that fits.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from model import ggml
from model.decoder import Decoder
from model.family import Shape
from model.gguf_families import GGUF_FAMILIES, QUANTS, to_metadata
from model.gguf_rope import FACTORS, stretch_factors
from model.gguf_tensors import EMBEDDING, HEAD, namer, to_gguf
from model.hub_config import WeightsError
from model.hub_tensors import gathered

MATRICES = {"f32": "F32", "f16": "F16", "q8_0": "Q8_0", "q4_0": "Q4_0", "q4_k_m": "Q4_K"}  # types by `gguf`'s names
HEADS = MATRICES | {"q4_0": "Q8_0", "q4_k_m": "Q6_K"}
FALLBACKS = {"Q4_K": "Q5_0", "Q6_K": "Q8_0", "Q8_0": "F16", "Q4_0": "F16", "Q5_0": "F16"}
FILE_TYPES = {quant: f"MOSTLY_{quant.upper()}" for quant in QUANTS} | {"f32": "ALL_F32"}
LARGEST_F16 = 65_504.0
BY_GGUF = ("F32", "F16", "Q8_0", "Q4_0", "Q5_0")  # what the package quantises itself


def save(decoder: Decoder, file: Path, quant: str, described: Mapping[str, Any]) -> None:
    """Writes the decoder; `described` is further metadata: the tokenizer, name and licence."""
    from gguf import GGUFWriter, LlamaFileType

    if quant == "q4_k_m" and not ggml.is_here():
        raise WeightsError("q4_k_m: llama.cpp's quantiser is not installed", "pip install xllamacpp, or take q4_0")
    metadata = to_metadata(decoder.shape)
    writer = GGUFWriter(file, metadata.pop("general.architecture"))
    writer.add_file_type(LlamaFileType[FILE_TYPES[quant]])
    for key, value in (metadata | dict(described)).items():
        _add(writer, key, value)
    tensors = list(_tensors(decoder))
    kinds = [_kind(name, tensor, quant, decoder.shape) for name, tensor in tensors]
    for (name, tensor), kind in zip(tensors, kinds, strict=True):
        stored, size, dtype = _layout(tensor, kind)
        writer.add_tensor_info(name, stored, np.dtype(dtype), size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for (_, tensor), kind in zip(tensors, kinds, strict=True):
        writer.write_tensor_data(_quantised(tensor, kind))
    writer.close()


def _tensors(decoder: Decoder) -> Iterator[tuple[str, Tensor]]:
    name_of = namer(decoder.shape)
    for theirs, tensor in gathered(decoder).items():
        name = name_of(theirs)
        yield name, to_gguf(tensor, name, decoder.shape)
    if decoder.shape.tied and GGUF_FAMILIES[decoder.shape.family].untied:
        yield HEAD, decoder.embedding.weight.detach().cpu()
    factors = stretch_factors(decoder.shape)
    if factors is not None:
        yield FACTORS, factors


def _kind(name: str, tensor: Tensor, quant: str, shape: Shape) -> Any:
    """The type of a tensor, a gguf.GGMLQuantizationType. Vectors stay whole, and positions, of which each is added."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    if tensor.dim() < 2 or name.startswith("position_embd"):
        return GGMLQuantizationType.F32
    is_head = name == HEAD or (name == EMBEDDING and (shape.tied or quant == "q4_0"))
    kind = (HEADS if is_head else MATRICES)[quant]
    if quant == "q4_k_m" and (".attn_v." in name or ".ffn_down." in name) and _has_more_bits(name, shape.depth):
        kind = "Q6_K"
    while tensor.shape[1] % GGML_QUANT_SIZES[GGMLQuantizationType[kind]][0]:
        kind = FALLBACKS[kind]
    if kind == "F16" and float(tensor.abs().max()) > LARGEST_F16:
        kind = "F32"
    return GGMLQuantizationType[kind]


def _has_more_bits(name: str, depth: int) -> bool:
    """The first and the last eighth of the blocks, and every third between."""
    block, eighth = int(name.split(".")[1]), depth // 8
    return block < eighth or block >= 7 * depth // 8 or (block - eighth) % 3 == 2


def _layout(tensor: Tensor, kind: Any) -> tuple[tuple[int, ...], int, str]:
    """The stored array's shape, its bytes, and numpy's name of its type."""
    from gguf.quants import quant_shape_to_byte_shape

    if kind.name in ("F32", "F16"):
        dtype = kind.name.replace("F", "float")
        return tuple(tensor.shape), tensor.numel() * np.dtype(dtype).itemsize, dtype
    stored = quant_shape_to_byte_shape(tensor.shape, kind)
    return stored, int(np.prod(stored)), "uint8"


def _quantised(tensor: Tensor, kind: Any) -> np.ndarray:
    from gguf.quants import quantize

    values = np.ascontiguousarray(tensor.float().numpy())
    return quantize(values, kind) if kind.name in BY_GGUF else ggml.quantize(values, kind)


def _add(writer: Any, key: str, value: Any) -> None:
    adders = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    adders[type(value)](key, value) if type(value) in adders else writer.add_array(key, value)
