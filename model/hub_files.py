"""A folder in the Hugging Face layout: which files hold its weights, and what its configs say. No tensor is read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from model.family import Shape, SpecialIds
from model.hub_config import WeightsError, to_shape, to_special_ids

CONFIG, GENERATION_CONFIG = "config.json", "generation_config.json"
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl")


def read_shape(folder: Path) -> Shape:
    """The shape that the folder's config.json describes, of a family that is read."""
    return to_shape(read_json(folder / CONFIG), folder / CONFIG)


def read_special_ids(folder: Path) -> SpecialIds:
    """The ids that begin, end and fill a text, as the folder's configs name them."""
    has_generation = (folder / GENERATION_CONFIG).is_file()
    generation = read_json(folder / GENERATION_CONFIG) if has_generation else {}
    return to_special_ids(read_json(folder / CONFIG), generation, folder)


def weight_files(folder: Path) -> Iterable[Path]:
    """The safetensors files: one, or the shards an index names."""
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        weight_map = read_json(folder / INDEX).get("weight_map")
        files = list(weight_map.values()) if isinstance(weight_map, dict) else []
        if not files or not all(isinstance(name, str) for name in files):
            raise WeightsError(f"{folder / INDEX}: weight_map is no table of tensors and their files", "download anew")
        names = sorted(set(files))
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


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in a file; WeightsError where there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{file}: missing", "give a folder in the Hugging Face layout") from error
    except (ValueError, RecursionError, OSError) as error:
        raise WeightsError(f"{file}: not JSON ({error})", "copy it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{file}: not a JSON object", "copy it again")
    return content
