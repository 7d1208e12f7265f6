"""What a GGUF file says of each family: llama.cpp's name of the network, and a Shape's fields by their keys there.

Some of what a Shape states llama.cpp fixes in its own code (its src/models): that is derived on the way in, and on the
way out a Shape that differs is refused. Where llama.cpp knows no windows, a file's context ends at the window: up to
there both networks compute the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any

import numpy as np

from model.family import RopeScaling, Shape
from model.hub_config import WeightsError

FIELDS = {  # Shape's field: the key, after the architecture's name
    "context": "context_length",
    "depth": "block_count",
    "width": "embedding_length",
    "heads": "attention.head_count",
    "kv_heads": "attention.head_count_kv",
    "head_width": "attention.key_length",
    "ffn_width": "feed_forward_length",
    "norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base",
}
MULTIPLIERS = {
    "embedding_multiplier": "embedding_scale",
    "residual_multiplier": "residual_scale",
    "attention_multiplier": "attention.scale",
    "logits_scaling": "logit_scale",
}
WINDOW = {"window": "attention.sliding_window"}
CAPS = {"attention_cap": "attn_logit_softcapping", "logits_cap": "final_logit_softcapping"}
QUANTS = ("f16", "f32", "q8_0", "q4_0", "q4_k_m")  # that are written, by the names that llama.cpp gives them
PATTERN = "attention.sliding_window_pattern"
NO_ROPE_STEP = 4  # of smollm3's blocks every fourth does not rotate
Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class GgufFamily:
    architecture: str
    fields: Mapping[str, str] = field(default_factory=lambda: FIELDS)
    turned: bool = False  # rows of queries and keys lie so that neighbours are rotated together
    full_every: int | None = None  # of the blocks one that sees all, where a file is silent; None: knows no windows
    stretches: bool = False  # as Llama 3.1 does, by the tensor rope_freqs.weight
    root_of_width: int | None = None  # the depth whose scores are scaled by heads / width; None: no family of Gemma 2's
    scaled_embedding: bool = False
    unrotated: bool = False
    square: bool = False  # all heads together are as wide as the network
    untied: bool = False  # a head that is the embedding is written a second time


GGUF_FAMILIES = {
    "gpt2": GgufFamily(
        "gpt2",
        {ours: FIELDS[ours] for ours in FIELDS if ours != "rope_theta"} | {"norm_eps": "attention.layer_norm_epsilon"},
    ),
    "llama": GgufFamily("llama", turned=True, stretches=True),
    "mistral": GgufFamily("llama", turned=True, stretches=True),
    "phi3": GgufFamily("phi3", FIELDS | WINDOW, square=True),
    "granite": GgufFamily("granite", FIELDS | MULTIPLIERS, turned=True, stretches=True),
    "smollm3": GgufFamily("smollm3", turned=True, unrotated=True),
    "qwen2": GgufFamily("qwen2"),
    "qwen3": GgufFamily("qwen3"),
    "olmo2": GgufFamily("olmo2", square=True, untied=True),
    "gemma": GgufFamily("gemma", scaled_embedding=True),
    "gemma2": GgufFamily("gemma2", FIELDS | WINDOW | CAPS, full_every=2, root_of_width=46, scaled_embedding=True),
    "gemma3_text": GgufFamily(
        "gemma3",
        FIELDS | WINDOW | {"logits_cap": CAPS["logits_cap"], "local_rope_theta": "rope.freq_base_swa"},
        full_every=6,
        root_of_width=62,
        scaled_embedding=True,
    ),
}
BY_ARCHITECTURE = {family.architecture: name for name, family in reversed(GGUF_FAMILIES.items())}  # llama, not mistral
SILENT = {"gemma2": {"window": 4096}, "gemma3": {"local_rope_theta": 10_000.0}}  # llama.cpp's own defaults


def to_metadata(shape: Shape) -> dict[str, Any]:
    """The keys and values that describe the shape, `general.architecture` among them."""
    _refuse_what_is_fixed_otherwise(shape)
    family = GGUF_FAMILIES[shape.family]
    values = {name: getattr(shape, name) for name in family.fields}
    if family.full_every is None and shape.window is not None:
        values["context"] = min(shape.context, shape.window)
    elif family.full_every is not None and shape.window is None and shape.family in SILENT:
        values["window"] = shape.context if "window" in SILENT[shape.family] else None
    named = {family.fields[name]: value for name, value in values.items() if value is not None}
    named["attention.value_length"] = shape.head_width
    if shape.traits.positions == "rotary":
        named["rope.dimension_count"] = shape.rotated_width
    if shape.rope_scaling is not None and shape.rope_scaling.kind == "linear":
        named |= {"rope.scaling.type": "linear", "rope.scaling.factor": shape.rope_scaling.factor}
    if family.full_every is not None and shape.window is not None:
        blocks = range(shape.depth)
        if shape.global_blocks != _every(family.full_every, shape.depth):
            named[PATTERN] = [block not in shape.global_blocks for block in blocks]
    return {"general.architecture": family.architecture} | {
        f"{family.architecture}.{key}": value for key, value in named.items()
    }


def to_shape(metadata: Metadata, file: object, size: tuple[int, bool]) -> Shape:
    """The shape that a file's metadata describes; `size` is the rows of its embedding and whether it is the head."""
    architecture = metadata["general.architecture"]
    if architecture not in BY_ARCHITECTURE:
        known = ", ".join(sorted(BY_ARCHITECTURE))
        what = f"{file}: general.architecture = {architecture!r}, but only {known} are read from GGUF"
        raise WeightsError(what, "take weights of one of these families, or the model's safetensors")
    name = BY_ARCHITECTURE[architecture]
    family = GGUF_FAMILIES[name]
    stated = {key.removeprefix(f"{architecture}."): _shortened(value) for key, value in metadata.items()}
    values = {ours: stated[theirs] for ours, theirs in family.fields.items() if theirs in stated}
    if uneven := next((ours for ours, value in values.items() if isinstance(value, list)), None):
        what = f"{file}: {family.fields[uneven]} differs from block to block, which is not read"
        raise WeightsError(what, "take a model whose blocks are alike")
    width, heads = int(values["width"]), int(values["heads"])
    derived: dict[str, Any] = {"family": name, "vocabulary": size[0], "tied": size[1]}
    derived |= {"kv_heads": heads, "head_width": width // heads, **SILENT.get(architecture, {})}
    values = derived | values | _rope(stated, file)
    head_width = int(values["head_width"])
    if (turned := stated.get("rope.dimension_count", head_width)) != head_width:
        values["rotated_share"] = turned / head_width
    if family.scaled_embedding:
        values["embedding_multiplier"] = width**0.5
    if family.root_of_width is not None:
        values["attention_multiplier"] = _score_scale(family, int(values["depth"]), width, heads, head_width)
    if family.unrotated:
        values["unrotated_blocks"] = _every(NO_ROPE_STEP, int(values["depth"]))
    return Shape.model_validate(values | _windows(stated, family, values))


def _every(step: int, depth: int) -> tuple[int, ...]:
    return tuple(block for block in range(depth) if (block + 1) % step == 0)


def _score_scale(family: GgufFamily, depth: int, width: int, heads: int, head_width: int) -> float:
    return (width / heads if depth == family.root_of_width else head_width) ** -0.5


def _windows(stated: Metadata, family: GgufFamily, values: Metadata) -> dict[str, Any]:
    window = values.get("window") or None
    if family.full_every is None or window is None:
        return {"window": window if window is None or window < values["context"] else None}
    pattern, depth = stated.get(PATTERN, family.full_every), int(values["depth"])
    if isinstance(pattern, list):
        return {"window": window, "global_blocks": tuple(b for b, is_windowed in enumerate(pattern) if not is_windowed)}
    return {"window": window, "global_blocks": _every(int(pattern), depth)}


def _rope(stated: Metadata, file: object) -> dict[str, Any]:
    kind, factor = stated.get("rope.scaling.type", "none"), stated.get("rope.scaling.factor", 1.0)
    if kind == "none":
        return {}
    if kind != "linear":
        what = f"{file}: rotary positions stretched in the way {kind!r} are not read from GGUF"
        raise WeightsError(what, "take a model without, or one stretched linearly or as Llama 3.1 is")
    return {"rope_scaling": RopeScaling(kind="linear", factor=factor)}


def _shortened(value: Any) -> Any:
    """A number of 32 bits as the shortest decimal that is it: 1e-05, not 9.999999747378752e-06."""
    return float(str(np.float32(value))) if isinstance(value, float) else value


def _refuse_what_is_fixed_otherwise(shape: Shape) -> None:
    """WeightsError where llama.cpp's network of that name would compute something else."""
    family = GGUF_FAMILIES[shape.family]
    own_scale = shape.head_width**-0.5
    if family.root_of_width is not None:
        own_scale = _score_scale(family, shape.depth, shape.width, shape.heads, shape.head_width)
    fixed: dict[str, tuple[Any, Any]] = {  # what it must be, what it is
        "embedding_multiplier": (shape.width**0.5 if family.scaled_embedding else 1.0, shape.embedding_multiplier),
        "residual_multiplier": (1.0, shape.residual_multiplier),
        "attention_multiplier": (own_scale, shape.attention_multiplier or shape.head_width**-0.5),
        "logits_scaling": (1.0, shape.logits_scaling),
        "attention_cap": (None, shape.attention_cap),
        "logits_cap": (None, shape.logits_cap),
        "local_rope_theta": (None, shape.local_rope_theta),
        "unrotated_blocks": (_every(NO_ROPE_STEP, shape.depth) if family.unrotated else (), shape.unrotated_blocks),
    }
    if family.architecture in ("gemma", "gemma2"):
        fixed["tied"] = (True, shape.tied)
    if shape.rope_scaling is not None and shape.rope_scaling.kind == "llama3" and not family.stretches:
        fixed["rope_scaling"] = ("linear or none", "llama3")
    fixed = {name: both for name, both in fixed.items() if name not in family.fields}
    if family.square:
        fixed["head_width"] = shape.width / shape.heads, float(shape.head_width)
    for name, (needed, stated) in fixed.items():
        if not _is_same(needed, stated):
            what = f"GGUF: llama.cpp's {family.architecture} has {name} = {needed} only, and this model {stated}"
            raise WeightsError(what, "export it in another format (hf, litgpt)")


def _is_same(needed: Any, stated: Any) -> bool:
    both_numbers = isinstance(needed, float) and isinstance(stated, float)
    return isclose(needed, stated, rel_tol=1e-5) if both_numbers else needed == stated
