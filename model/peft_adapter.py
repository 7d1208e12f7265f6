"""peft's adapters in: the low-rank change of a base's matrices, added to the base's weights.

Added is alpha / rank · B A, by the names that the family's files give the matrices, as peft's own merge does. Whatever
else an adapter's config switches on would change the result, and is refused by its name.

r rank · i, o width in and out
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from model.decoder import Decoder
from model.family import Shape
from model.hub_config import WeightsError
from model.hub_files import PICKLES, read_json
from model.hub_tensors import PLACES, gathered, refuse_not_finite, transposed_names
from model.lora import PEFT_PREFIX
from model.spec import ADAPTER_CONFIG, ADAPTER_WEIGHTS

READ = {  # settings that are read, or that change nothing once an adapter is trained
    *("peft_type", "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "bias", "modules_to_save"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out"),
    *("base_model_name_or_path", "revision", "task_type", "auto_mapping", "peft_version", "inference_mode"),
    *("init_lora_weights", "lora_dropout", "megatron_core", "qalora_group_size", "runtime_config", "eva_config"),
}
BASE_KEPT = (True, False, "gaussian", "orthogonal", "eva")  # ways of beginning that leave the base as it was
LOW_RANK = re.compile(r"(.+)\.(?:lora_(A|B)\.weight|lora_embedding_(A|B))")
WHOLE = re.compile(r"(.+?)(?:\.modules_to_save|\.base_layer)?\.(weight|bias)")
CURE = "merge it where it was trained, by peft's merge_and_unload, and take the merged model"


@dataclass
class Change:
    """What an adapter has for one module: tensors in place of the base's, and a low-rank change of its weight."""

    replaced: dict[str, Tensor] = field(default_factory=dict[str, Tensor])  # by "weight" or "bias"
    low_rank: dict[str, Tensor] = field(default_factory=dict[str, Tensor])  # A (r,i) and B (o,r)
    is_embedding: bool = False  # whose rows are what a linear map has as columns
    scale: float = 1.0

    @property
    def size(self) -> list[int]:
        """Of the weight that it changes: [o, i], of an embedding [v, d]."""
        size = [len(self.low_rank["B"]), self.low_rank["A"].shape[1]]
        return size[::-1] if self.is_embedding else size

    def delta(self) -> Tensor:
        """What is added to that weight."""
        delta_oi = (self.low_rank["B"].float() @ self.low_rank["A"].float()) * self.scale
        return delta_oi.T if self.is_embedding else delta_oi


def merged_tensors(base: Decoder, folder: Path) -> tuple[dict[str, Tensor], Shape]:
    """The base's tensors by the names of its family, in their type, with the adapter in them; and their shape.

    The sum is taken in float32 and rounded once.

    Where the adapter changes the embedding or the head, and the base has one matrix for both, it has two from then on.
    """
    shape, file = base.shape, folder / ADAPTER_WEIGHTS
    changes, places = read_changes(folder), PLACES[shape.family]
    tensors = gathered(base)
    sizes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    embedding, head = places["embedding.weight"].name, places["head.weight"].name
    dtype = tensors[embedding].dtype
    if shape.tied and {f"{module}.weight" for module in changes} & {embedding, head}:
        tensors[head] = tensors[embedding].clone()
        shape = shape.model_copy(update={"tied": False})
    transposed = transposed_names(shape)
    for module, change in changes.items():
        for kind, tensor in change.replaced.items():
            name = _known(f"{module}.{kind}", tensors, file)
            tensors[name] = (tensor.T if name in transposed else tensor).to(dtype)
        if change.low_rank:
            name = _known(f"{module}.weight", tensors, file)
            if change.size != (size := list(tensors[name].shape)):
                raise _of_another_base(file, name, change.size, size)
            tensors[name] = (tensors[name].float() + change.delta()).to(dtype)
    for name, tensor in tensors.items():
        size = [len(tensors[embedding]), shape.width] if name in (embedding, head) else sizes[name]
        if list(tensor.shape) != size:
            raise _of_another_base(file, name, list(tensor.shape), size)
    return tensors, shape.model_copy(update={"vocabulary": len(tensors[embedding])})


def read_changes(folder: Path) -> dict[str, Change]:
    """The changes of an adapter's folder by the modules that they change; WeightsError for what is not read."""
    file, config = folder / ADAPTER_CONFIG, read_json(folder / ADAPTER_CONFIG)
    _refuse_settings(config, file)
    changes: dict[str, Change] = {}
    for name, tensor in _tensors(folder).items():
        refuse_not_finite(tensor, name, folder / ADAPTER_WEIGHTS)
        inside = name.removeprefix(PEFT_PREFIX)
        if low_rank := LOW_RANK.fullmatch(inside):
            change = changes.setdefault(low_rank[1], Change())
            change.low_rank[low_rank[2] or low_rank[3]] = tensor
            change.is_embedding = low_rank[3] is not None
        elif (whole := WHOLE.fullmatch(inside)) and "lora_" not in inside and inside != name:
            changes.setdefault(whole[1], Change()).replaced[whole[2]] = tensor
        else:
            raise WeightsError(f"{folder / ADAPTER_WEIGHTS}: {name} is of a kind that is not read", CURE)
    for module, change in changes.items():
        if change.low_rank:
            change.scale = _scale(config, module, change, folder)
    return changes


def _refuse_settings(config: Mapping[str, Any], file: Path) -> None:
    if config.get("peft_type") != "LORA":
        raise WeightsError(f"{file}: peft_type = {config.get('peft_type')!r}, and only LORA is read", CURE)
    for name, value in config.items():
        if name not in READ and value:
            raise WeightsError(f"{file}: {name} = {value!r} is not read", CURE)
    if (beginning := config.get("init_lora_weights", True)) not in BASE_KEPT:
        raise WeightsError(f"{file}: init_lora_weights = {beginning!r} changes the base, too, which is not read", CURE)


def _scale(config: Mapping[str, Any], module: str, change: Change, folder: Path) -> float:
    """alpha / r, with rsLoRA alpha / sqrt(r) (Kalajdzievski 2023, arXiv 2312.03732), as the config has it."""
    file = folder / ADAPTER_CONFIG
    rank = _of_module(config.get("rank_pattern"), module, config.get("r", 8), file)
    alpha = _of_module(config.get("alpha_pattern"), module, config.get("lora_alpha", 8), file)
    a, b = change.low_rank.get("A"), change.low_rank.get("B")
    if a is None or b is None or a.dim() != 2 or b.dim() != 2 or not len(a) == b.shape[1] == rank:
        raise WeightsError(
            f"{folder / ADAPTER_WEIGHTS}: {module} has no pair of matrices of the rank {rank:g} that {file.name} names",
            "copy the adapter again",
        )
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _of_module(patterns: Any, module: str, otherwise: Any, file: Path) -> float:
    """The value of the first pattern that is the module's name, or an end of it; patterns are regular expressions."""
    value = otherwise
    if patterns:
        if not isinstance(patterns, dict):
            raise WeightsError(f"{file}: {patterns!r} is no table of patterns", "copy the adapter again")
        table: dict[Any, Any] = patterns  # pyright: ignore[reportUnknownVariableType]
        try:
            value = next((v for key, v in table.items() if re.fullmatch(rf"(.*\.)?({key})", module)), otherwise)
        except re.error as error:
            raise WeightsError(f"{file}: a pattern is no regular expression ({error})", "copy it again") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise WeightsError(f"{file}: {value!r} is no rank and no alpha", "copy the adapter again")
    return value


def _tensors(folder: Path) -> dict[str, Tensor]:
    file = folder / ADAPTER_WEIGHTS
    if not file.is_file():
        pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
        what = f"{pickles[0]} is a pickle, which was not opened, and there is no" if pickles else "there is no"
        raise WeightsError(f"{folder}: {what} {ADAPTER_WEIGHTS}", "save the adapter with peft's save_pretrained")
    try:
        with safe_open(file, framework="pt") as opened:  # pyright: ignore[reportUnknownVariableType]
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file}: not a whole safetensors file ({error})", "copy it again") from error


def _known(name: str, tensors: Mapping[str, Tensor], file: Path) -> str:
    if name not in tensors:
        raise WeightsError(f"{file}: it changes {name}, which this base does not have", "give the base it was made for")
    return name


def _of_another_base(file: Path, name: str, size: list[int], of_base: list[int]) -> WeightsError:
    what = f"{file}: its change of {name} has the shape {size}, and the base's is {of_base}"
    return WeightsError(what, "give the base it was made for")
