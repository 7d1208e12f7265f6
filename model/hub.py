"""Weights in and out in the Hugging Face layout: config.json, generation_config.json and safetensors.

Only safetensors are read: a pickle (.bin, .pt) runs whatever code its author put into it.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.decoder import Decoder
from model.family import Shape, SpecialIds
from model.hub_config import WeightsError, special_ids_to_config, to_config
from model.hub_files import CONFIG, GENERATION_CONFIG, SINGLE, read_json, read_shape, read_special_ids, weight_files
from model.hub_tensors import BUFFERS, PREFIX, gathered, place_of, refuse_not_finite, rows_of, transposed_names

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Decoder:
    """The decoder of a folder in the Hugging Face layout; WeightsError where it is of no family that is read."""
    with torch.device("meta"):  # no memory and no initialisation for what is read anyway
        decoder = Decoder(read_shape(folder), read_special_ids(folder))
    with ExitStack() as stack:
        tensors = Tensors(folder, stack)
        state = {name: tensors.read(decoder, name, shape, dtype) for name, shape in _shapes(decoder)}
        tensors.refuse_unread()
    decoder.load_state_dict(state, assign=True)
    return decoder


def save(decoder: Decoder, folder: Path) -> None:
    """Writes `folder` so that transformers' AutoModelForCausalLM, vLLM, LitGPT and llama.cpp's converter read it."""
    write(gathered(decoder), decoder.shape, decoder.special_ids, folder)


def write(tensors: Mapping[str, Tensor], shape: Shape, special_ids: SpecialIds, folder: Path) -> None:
    """Writes `folder` with tensors by the names of the shape's family, every matrix (out, in)."""
    folder.mkdir(parents=True, exist_ok=True)
    transposed = transposed_names(shape)
    stored = {name: (t.T if name in transposed else t).contiguous() for name, t in tensors.items()}
    save_file(stored, folder / SINGLE, metadata={"format": "pt"})
    dtype = next(iter(stored.values())).dtype
    _write_json(folder / CONFIG, to_config(shape, special_ids, dtype))
    _write_json(folder / GENERATION_CONFIG, special_ids_to_config(special_ids))


def stored_dtype(folder: Path) -> torch.dtype:
    """The type that the folder's config.json names; float32 where it names none, or one that is not computed with."""
    config = read_json(folder / CONFIG)
    return DTYPES.get(str(config.get("dtype") or config.get("torch_dtype")), torch.float32)


class Tensors:
    """The tensors of a folder, in one safetensors file or in those that an index names."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.unread = folder, set[str]()
        self.file_of: dict[str, Path] = {}
        self.opened: dict[Path, Any] = {}
        for file in weight_files(folder):
            try:
                self.opened[file] = stack.enter_context(safe_open(file, framework="pt"))
            except (SafetensorError, OSError) as error:
                raise WeightsError(f"{file}: not a whole safetensors file ({error})", "copy it again") from error
            self.file_of |= dict.fromkeys(self.opened[file].keys(), file)
        self.unread = {name for name in self.file_of if not BUFFERS.search(name)}

    def read(self, decoder: Decoder, parameter: str, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """Our parameter, turned and cut as its place asks, in memory of its own."""
        place = place_of(decoder.shape.family, parameter)
        name = self._stored_name(place.name, PREFIX[decoder.shape.family])
        self.unread.discard(name)
        tensor = self.opened[self.file_of[name]].get_tensor(name)
        parts = rows_of(decoder.shape, place, shape[0])
        stored = torch.Size((*shape[1:], sum(parts)) if place.transposed else (sum(parts), *shape[1:]))
        if tensor.shape != stored:
            raise WeightsError(
                f"{self.file_of[name]}: {name} has the shape {list(tensor.shape)}, config.json asks for {list(stored)}",
                "take the config.json that came with these weights",
            )
        refuse_not_finite(tensor, name, self.file_of[name])
        ours = tensor.T if place.transposed else tensor
        return ours.split(parts)[place.part].to(dtype, copy=True, memory_format=torch.contiguous_format)

    def refuse_unread(self) -> None:
        """A tensor that no parameter reads means another network: its logits would be wrong without a warning."""
        self.unread.discard("lm_head.weight")  # a tied head, stored twice by older versions
        if self.unread:
            some = ", ".join(sorted(self.unread)[:3])
            raise WeightsError(
                f"{self.folder}: {len(self.unread)} tensors have no place in the network config.json describes: {some}",
                "take a model of the family's usual form; adapters must be merged first",
            )

    def _stored_name(self, name: str, prefix: str) -> str:
        for candidate in (name, name.removeprefix(prefix)):
            if candidate in self.file_of:
                return candidate
        cure = "take the config.json that came with these weights"
        if name == "lm_head.weight":
            cure += "; where the head is the embedding it says tie_word_embeddings = true"
        raise WeightsError(f"{self.folder}: the tensor {name} is missing", cure)


def _shapes(decoder: Decoder) -> list[tuple[str, torch.Size]]:
    return [(name, parameter.shape) for name, parameter in decoder.named_parameters()]


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
