"""Weights in and out in the Hugging Face layout: config.json, generation_config.json and safetensors.

Only safetensors are read: a pickle (.bin, .pt) runs whatever code its author put into it.
"""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.decoder import Decoder
from model.family import SpecialIds
from model.hub_config import WeightsError, special_ids_to_config, to_config, to_shape, to_special_ids
from model.hub_tensors import BUFFERS, PREFIX, place_of

CONFIG, GENERATION_CONFIG = "config.json", "generation_config.json"
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl")


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Decoder:
    """The decoder of a folder in the Hugging Face layout, gpt2, llama or qwen3; WeightsError where it is not one."""
    config = _read_json(folder / CONFIG)
    with torch.device("meta"):  # no memory and no initialisation for what is read anyway
        decoder = Decoder(to_shape(config, folder / CONFIG), read_special_ids(folder))
    with ExitStack() as stack:
        tensors = Tensors(folder, stack)
        state = {name: tensors.read(decoder, name, shape, dtype) for name, shape in _shapes(decoder)}
        tensors.refuse_unread()
    decoder.load_state_dict(state, assign=True)
    return decoder


def read_special_ids(folder: Path) -> SpecialIds:
    """The ids that begin, end and fill a text, as the folder's configs name them."""
    has_generation = (folder / GENERATION_CONFIG).is_file()
    generation = _read_json(folder / GENERATION_CONFIG) if has_generation else {}
    return to_special_ids(_read_json(folder / CONFIG), generation, folder)


def save(decoder: Decoder, folder: Path) -> None:
    """Writes `folder` so that transformers' AutoModelForCausalLM, vLLM, LitGPT and llama.cpp's converter read it."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[Tensor]] = {}
    for name, parameter in decoder.named_parameters():
        place = place_of(decoder.shape.family, name)
        tensor = parameter.detach().cpu()
        parts.setdefault(place.name, []).append(tensor.T if place.transposed else tensor)
    tensors = {name: torch.cat(those, dim=-1).contiguous() for name, those in parts.items()}
    save_file(tensors, folder / SINGLE, metadata={"format": "pt"})
    config = to_config(decoder.shape, decoder.special_ids, decoder.embedding.weight.dtype)
    _write_json(folder / CONFIG, config)
    _write_json(folder / GENERATION_CONFIG, special_ids_to_config(decoder.special_ids))


class Tensors:
    """The tensors of a folder, in one safetensors file or in those that an index names."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.unread = folder, set[str]()
        self.file_of: dict[str, Path] = {}
        self.opened: dict[Path, Any] = {}
        for file in _files(folder):
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
        cuts = 1 if place.third is None else 3
        stored = torch.Size((*shape[1:], shape[0] * cuts) if place.transposed else (shape[0] * cuts, *shape[1:]))
        if tensor.shape != stored:
            raise WeightsError(
                f"{self.file_of[name]}: {name} has the shape {list(tensor.shape)}, config.json asks for {list(stored)}",
                "take the config.json that came with these weights",
            )
        ours = tensor.T if place.transposed else tensor
        return ours.chunk(cuts)[place.third or 0].to(dtype, copy=True, memory_format=torch.contiguous_format)

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


def _files(folder: Path) -> Iterable[Path]:
    """The safetensors files: one, or the shards an index names."""
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        names = sorted(set(_read_json(folder / INDEX).get("weight_map", {}).values()))
        for name in names:
            if Path(name).name != name or not name.endswith(".safetensors"):
                raise WeightsError(f"{folder / INDEX}: {name!r} is no safetensors file of this folder", "download anew")
            if not (folder / name).is_file():
                raise WeightsError(f"{folder / name}: missing, but {INDEX} names it", "download the missing shard")
        return [folder / name for name in names]
    pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
    if pickles:
        raise WeightsError(
            f"{folder}: {pickles[0]} is a pickle, which can run any code when it is opened; it was not",
            "take the safetensors of the same model, or convert it where you trust it: "
            "AutoModelForCausalLM.from_pretrained(OLD).save_pretrained(NEW)",
        )
    raise WeightsError(f"{folder}: neither {SINGLE} nor {INDEX}", "give the folder that holds a model's weights")


def _shapes(decoder: Decoder) -> list[tuple[str, torch.Size]]:
    return [(name, parameter.shape) for name, parameter in decoder.named_parameters()]


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{file}: missing", "give a folder in the Hugging Face layout") from error
    except ValueError as error:
        raise WeightsError(f"{file}: not JSON ({error})", "copy it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{file}: not a JSON object", "copy it again")
    return content


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
