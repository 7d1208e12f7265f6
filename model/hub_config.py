"""config.json and Shape: each read from the other.

Read are the form of transformers 5 (`rope_parameters`, `dtype`) and the older one (`rope_theta` beside `rope_scaling`,
`torch_dtype`); written are both at once, so that vLLM, LitGPT and llama.cpp find what they look for.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from model.family import MAX_DEPTH, Shape, SpecialIds
from model.hub_families import HUB_FAMILIES, NOT_READ, HubFamily

if TYPE_CHECKING:
    import torch


class WeightsError(ValueError):
    """Weights that cannot be read as one of our families: what is wrong and where, then what to do."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}\n  fix: {cure}")
        self.what, self.cure = what, cure


ROPE_SCALING_FIELDS = {
    "factor": "factor",
    "low_freq_factor": "low_freq_factor",
    "high_freq_factor": "high_freq_factor",
    "original_context": "original_max_position_embeddings",
}
ROPE_KINDS = {"llama3": tuple(ROPE_SCALING_FIELDS), "linear": ("factor",)}  # with the fields that they have
SLIDING, FULL = "sliding_attention", "full_attention"  # as layer_types has them
MAX_WINDOW_LAYERS, NO_ROPE_INTERVAL = 28, 4  # where a config is silent
FAMILIES_READ = ", ".join(HUB_FAMILIES)


def to_config(shape: Shape, special_ids: SpecialIds, dtype: "torch.dtype") -> dict[str, Any]:
    """The content of config.json."""
    dtype_name = str(dtype).removeprefix("torch.")
    config: dict[str, Any] = {
        "model_type": shape.family,
        "architectures": [HUB_FAMILIES[shape.family].architecture],
        "dtype": dtype_name,
        "torch_dtype": dtype_name,
        "initializer_range": 0.02,
        "use_cache": True,
    }
    family = HUB_FAMILIES[shape.family]
    config |= special_ids_to_config(special_ids)
    config |= {theirs: getattr(shape, ours) for ours, theirs in family.fields.items()}
    config |= {name: values[0] for name, values in family.fixed.items()}
    if "attention_multiplier" in family.fields and shape.attention_multiplier is None:
        config["attention_multiplier"] = shape.head_width**-0.5
    if family.query_scalar is not None:
        scalar = shape.head_width if shape.attention_multiplier is None else shape.attention_multiplier**-2
        config["query_pre_attn_scalar"] = round(scalar) if math.isclose(scalar, round(scalar)) else scalar
    config |= _windows_to_config(shape, family)
    return config | (rope_to_config(shape) if shape.traits.positions == "rotary" else {})


def special_ids_to_config(special_ids: SpecialIds) -> dict[str, Any]:
    end = special_ids.end[0] if len(special_ids.end) == 1 else list(special_ids.end) or None
    return {"bos_token_id": special_ids.begin, "eos_token_id": end, "pad_token_id": special_ids.pad}


def _has_layer_types(family: HubFamily) -> bool:
    return family.window_switch or family.full_every is not None


def _windows_to_config(shape: Shape, family: HubFamily) -> dict[str, Any]:
    config: dict[str, Any] = {"sliding_window": shape.window} if family.windows else {}
    blocks = range(shape.depth)
    if _has_layer_types(family):
        config["layer_types"] = [FULL if shape.window_of(block) is None else SLIDING for block in blocks]
    if family.window_switch:
        config |= {"use_sliding_window": shape.window is not None, "max_window_layers": 0}
    if family.unrotated:
        config["no_rope_layers"] = [int(block not in shape.unrotated_blocks) for block in blocks]
    return config


def rope_to_config(shape: Shape) -> dict[str, Any]:
    scaling = None
    if (stretch := shape.rope_scaling) is not None:
        values = {ROPE_SCALING_FIELDS[ours]: getattr(stretch, ours) for ours in ROPE_KINDS[stretch.kind]}
        scaling = {"rope_type": stretch.kind, **values}
    parameters = {"rope_type": "default", "rope_theta": shape.rope_theta, **(scaling or {})}
    config = {"rope_parameters": parameters, "rope_theta": shape.rope_theta, "rope_scaling": scaling}
    family = HUB_FAMILIES[shape.family]
    if family.local_rotation:
        theta = shape.local_rope_theta or shape.rope_theta
        both = {FULL: parameters, SLIDING: {"rope_type": "default", "rope_theta": theta}}
        config |= {"rope_parameters": both, "rope_local_base_freq": theta}
    if family.partial_rotation:
        parameters["partial_rotary_factor"] = config["partial_rotary_factor"] = shape.rotated_share
    return config


def to_shape(config: Mapping[str, Any], file: Path) -> Shape:
    """The shape that a config.json describes; `file` is named in what is raised."""
    name = config.get("model_type")
    if not isinstance(name, str) or name not in HUB_FAMILIES:
        missing = f": {NOT_READ[name]}" if isinstance(name, str) and name in NOT_READ else ""
        raise WeightsError(
            f"{file}: model_type = {name!r}{missing}; read are {FAMILIES_READ}", "take weights of one of these families"
        )
    family = HUB_FAMILIES[name]
    for key, values in family.fixed.items():
        if config.get(key, values[0]) not in values:
            raise WeightsError(
                f"{file}: {key} = {config[key]!r}, where our {name} has {values[0]!r} only",
                "take a model of the family's usual form",
            )
    if config.get("quantization_config"):
        raise WeightsError(f"{file}: the weights are quantized", "take the float weights they were made from")
    named = {ours: config[theirs] for ours, theirs in family.fields.items() if config.get(theirs) is not None}
    silent = {ours: value for ours, value in family.silent.items() if family.fields.get(ours) not in config}
    try:
        shape = _completed({"family": name, **silent, **named}) | _rope(config, family, file)
        shape |= _scales(config, family, shape)
        return Shape.model_validate(shape | _windows(config, family, shape, file))
    except ValidationError as error:
        field, message = error.errors()[0]["loc"], error.errors()[0]["msg"]
        names = [family.fields.get(str(field[0]), str(field[0])), *map(str, field[1:])] if field else ["the shape"]
        raise WeightsError(
            f"{file}: {'.'.join(names)}: {message}", "compare with the config the weights came with"
        ) from error


def to_special_ids(config: Mapping[str, Any], generation: Mapping[str, Any], folder: Path) -> SpecialIds:
    """The ids that config.json and generation_config.json name: either's ends, the first one's word on the others.

    transformers stops at the ends of generation_config.json, which often names more: those that end an answer.
    """
    both = [{name: value for name, value in read.items() if value is not None} for read in (generation, config)]
    ends = [end for read in both for end in _as_list(read.get("eos_token_id", []))]
    merged = {**both[0], **both[1]}
    try:
        ids = SpecialIds(begin=merged.get("bos_token_id"), pad=merged.get("pad_token_id"))
        return ids.ended_by(TypeAdapter(list[int]).validate_python(ends))
    except ValidationError as error:
        what = f"{folder}: the ids of special tokens in its configs are no integers: {error.errors()[0]['msg']}"
        raise WeightsError(what, "compare with the configs the weights came with") from error


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _completed(named: dict[str, Any]) -> dict[str, Any]:
    """With what published configs leave to be derived."""
    heads, width = named.get("heads"), named.get("width")
    if not (isinstance(heads, int) and isinstance(width, int) and heads > 0):  # Shape says what is wrong
        return named
    derived = {"kv_heads": heads, "head_width": width // heads}
    return derived | ({"ffn_width": 4 * width} if named["family"] == "gpt2" else {}) | named


def _scales(config: Mapping[str, Any], family: HubFamily, shape: Mapping[str, Any]) -> dict[str, float]:
    """The multipliers that a config says in other words."""
    scales = dict[str, float]()
    if family.scaled_embedding and isinstance(width := shape.get("width"), int):
        scales["embedding_multiplier"] = width**0.5
    if family.query_scalar is not None:
        scalar = config.get("query_pre_attn_scalar", family.query_scalar)
        if isinstance(scalar, int | float) and scalar > 0:
            scales["attention_multiplier"] = scalar**-0.5
    return scales


def _rope(config: Mapping[str, Any], family: HubFamily, file: Path) -> dict[str, Any]:
    """`rope_theta`, `rope_scaling` and `rotated_share` of a Shape, from either form."""
    stated = [config.get(name) or {} for name in ("rope_scaling", "rope_parameters")]
    if not all(isinstance(values, dict) for values in stated):
        raise WeightsError(
            f"{file}: rope_scaling or rope_parameters is no table", "compare with the config the weights came with"
        )
    local = dict[str, Any]()
    if family.local_rotation:
        nested = stated[1] if FULL in stated[1] else {FULL: stated[1], SLIDING: {}}
        stated[1], beside = nested[FULL], nested.get(SLIDING) or {}
        default = config.get("rope_local_base_freq") or family.silent["local_rope_theta"]
        local["local_rope_theta"] = beside.get("rope_theta") or default
    rope: dict[str, Any] = stated[0] | stated[1]
    kind = rope.get("rope_type") or rope.get("type") or "default"
    theta = rope.get("rope_theta") or config.get("rope_theta") or family.silent.get("rope_theta", 10_000.0)
    share = rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))
    if kind not in ("default", *ROPE_KINDS) or (share != 1.0 and not family.partial_rotation):
        what = f"of the type {kind!r}" if share == 1.0 else f"of a share of {share} of each head"
        raise WeightsError(
            f"{file}: rotary positions {what} are not read", f"those read are default, {', '.join(ROPE_KINDS)}"
        )
    values: dict[str, Any] = local | {"rope_theta": theta} | ({"rotated_share": share} if share != 1.0 else {})
    if kind == "default":
        return values
    stretch = {ours: rope[ROPE_SCALING_FIELDS[ours]] for ours in ROPE_KINDS[kind] if ROPE_SCALING_FIELDS[ours] in rope}
    return values | {"rope_scaling": {"kind": kind, **stretch}}


def _windows(config: Mapping[str, Any], family: HubFamily, shape: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """`window`, `global_blocks` and `unrotated_blocks` of a Shape."""
    depth = shape.get("depth")
    blocks = range(depth if isinstance(depth, int) and not isinstance(depth, bool) and 0 < depth <= MAX_DEPTH else 0)
    unrotated = _unrotated(config, blocks) if family.unrotated else ()
    window = config.get("sliding_window", family.silent.get("window")) if family.windows else None
    if window is None or (family.window_switch and not config.get("use_sliding_window", False)):
        return {"window": None, "unrotated_blocks": unrotated}
    types = config.get("layer_types") if _has_layer_types(family) else None
    if types is None and family.full_every is not None:
        every = config.get("sliding_window_pattern") or family.full_every
        types = [SLIDING if (block + 1) % every else FULL for block in blocks]
    elif types is None and family.unrotated:
        types = [SLIDING if block in unrotated else FULL for block in blocks]
    elif types is None and family.window_switch:
        first = config.get("max_window_layers", MAX_WINDOW_LAYERS)
        types = [SLIDING if block >= first else FULL for block in blocks]
    if types is not None and (len(types) != len(blocks) or not {*types} <= {SLIDING, FULL}):
        known = f"{SLIDING} or {FULL}"
        raise WeightsError(f"{file}: layer_types is no list of {known} for each of its blocks", "copy it again")
    global_blocks = tuple(block for block, kind in enumerate(types or ()) if kind == FULL)
    if types is not None and len(global_blocks) == len(blocks):
        return {"window": None, "unrotated_blocks": unrotated}
    return {"window": window, "global_blocks": global_blocks, "unrotated_blocks": unrotated}


def _unrotated(config: Mapping[str, Any], blocks: range) -> tuple[int, ...]:
    """The blocks that do not rotate: those that no_rope_layers marks with 0, else each of its interval."""
    marks = config.get("no_rope_layers")
    if isinstance(marks, list):
        return tuple(block for block, rotates in enumerate(marks) if not rotates)
    interval = config.get("no_rope_layer_interval", NO_ROPE_INTERVAL)
    return tuple(block for block in blocks if (block + 1) % interval == 0)
