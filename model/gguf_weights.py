"""Weights in from GGUF, llama.cpp's file of one model: read, dequantised, and put where our decoder has them.

A quantised file gives the numbers it holds, not those it was made from: what it lost stays lost.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.decoder import Decoder
from model.family import Shape, SpecialIds
from model.gguf_families import to_shape
from model.gguf_header import DAMAGE, damaged, open_gguf
from model.gguf_rope import FACTORS, stretch_of
from model.gguf_tensors import EMBEDDING, HEAD, from_gguf, namer
from model.hub_config import WeightsError
from model.hub_tensors import place_of, refuse_not_finite, rows_of

ENDS = ("eos", "eot", "eom")  # of a text, of a turn, of a message: each ends what is written


def load(file: Path) -> Decoder:
    """The decoder of a GGUF file, of a family that is read, in float32; WeightsError where it is not one."""
    try:
        return _load(file)
    except WeightsError:
        raise
    except DAMAGE as error:
        raise damaged(file, error) from error


def read_shape(file: Path) -> Shape:
    """The shape of a GGUF file's network; WeightsError where it is of no family that is read. No weights are read."""
    try:
        fields, tensors = open_gguf(file)
        return _shape(_metadata(fields), file, tensors)
    except WeightsError:
        raise
    except DAMAGE as error:
        raise damaged(file, error) from error


def _metadata(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not name.startswith("tokenizer.ggml.t")}


def _load(file: Path) -> Decoder:
    fields, tensors = open_gguf(file)
    metadata = _metadata(fields)
    shape = _shape(metadata, file, tensors)
    with torch.device("meta"):
        decoder = Decoder(shape, special_ids(metadata))
    name_of, state, unread = namer(shape), dict[str, Tensor](), tensors.keys() - {FACTORS}
    for name, parameter in decoder.named_parameters():
        place = place_of(shape.family, name)
        theirs = name_of(place.name)
        unread.discard(theirs)
        if theirs not in tensors:
            raise WeightsError(f"{file}: the tensor {theirs} is missing", "copy the file again")
        values = _values(tensors[theirs], file)
        parts = rows_of(shape, place, parameter.shape[0])
        values = from_gguf(values.reshape(sum(parts), *parameter.shape[1:]), theirs, shape)
        state[name] = values.split(parts)[place.part].contiguous()
    if unread:
        some = ", ".join(sorted(unread)[:3])
        what = f"{file}: {len(unread)} tensors have no place in a {shape.family} network: {some}"
        raise WeightsError(what, "take the model's safetensors")
    decoder.load_state_dict(state, assign=True)
    return decoder


def _values(stored: Any, file: Path) -> Tensor:
    """The numbers that a tensor of the file stands for, in float32."""
    from gguf.quants import dequantize

    with np.errstate(all="ignore"):  # what comes out is looked at below
        values = torch.tensor(dequantize(stored.data, stored.tensor_type), dtype=torch.float32)
    refuse_not_finite(values, stored.name, file)
    return values


def special_ids(metadata: Mapping[str, Any]) -> SpecialIds:
    """The ids that begin, end and fill a text."""
    ids = {name: metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "padding", *ENDS)}
    ends = [int(id) for id in map(ids.get, ENDS) if id is not None]
    return SpecialIds(begin=ids["bos"], pad=ids["padding"]).ended_by(ends)


def _shape(metadata: Mapping[str, Any], file: Path, tensors: Mapping[str, Any]) -> Shape:
    size = int(tensors[EMBEDDING].shape[1]), HEAD not in tensors
    shape = to_shape(metadata, file, size)
    if FACTORS not in tensors:
        return shape
    factors = _values(tensors[FACTORS], file)
    return shape.model_copy(update={"rope_scaling": stretch_of(factors, shape, file)})
