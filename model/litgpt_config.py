"""LitGPT's model_config.yaml and Shape: each read from the other.

What is read is written again from the shape that it gives: a setting that then differs is one that our network does
not have, and is refused by its name.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.family import FAMILIES, RopeScaling, Shape, SpecialIds, Traits
from model.hub_config import WeightsError, to_config, to_shape
from model.litgpt_settings import (
    BIASES,
    BLOCK_NORMS,
    FIELDS,
    FIXED,
    FREE,
    MLPS,
    NAMES,
    NORMS,
    OFFSET,
    QUERY_NORMS,
    ROPE_FIELDS,
    SILENT,
)

CURE = "take the model's safetensors, or one of a family that is read"


def to_litgpt(shape: Shape) -> dict[str, Any]:
    """The content of model_config.yaml, each setting named; WeightsError where LitGPT lacks what the shape has."""
    if missing := _missing(shape):
        raise WeightsError(
            f"LitGPT has no {missing}, which this {shape.family} has", "export it as hf or gguf: they have"
        )
    traits = shape.traits
    config = SILENT | FIXED | {theirs: _plain(getattr(shape, ours)) for ours, theirs in FIELDS.items()}
    before, after = BLOCK_NORMS[traits.block_norms]
    bias, attn_bias = BIASES[traits.bias]
    norm_qk, norm_qk_type = QUERY_NORMS[traits.query_norms]
    windowed = [int(shape.window_of(block) is not None) for block in range(shape.depth)]
    return config | {
        "name": f"{NAMES[shape.family]}-{shape.parameters / 1e6:.3g}M",
        "vocab_size": shape.vocabulary,
        "norm_class_name": NORMS[traits.norm],
        "norm_1": before,
        "norm_2": before,
        "post_attention_norm": after,
        "post_mlp_norm": after,
        "norm_qk": norm_qk,
        "norm_qk_type": norm_qk_type,
        "bias": bias,
        "attn_bias": attn_bias,
        "mlp_class_name": MLPS[traits.mlp],
        "gelu_approximate": "none" if traits.mlp == "swiglu" else "tanh",
        "scale_embeddings": shape.embedding_multiplier != 1,
        "attention_scores_scalar": _scalar(shape.attention_multiplier),
        "rope_adjustments": _adjustments(shape.rope_scaling),
        "sliding_window_indices": None if shape.window is None else windowed,
        "rope_indices": None if shape.local_rope_theta is None else windowed,
    }


def from_litgpt(content: Mapping[str, Any], file: Path, tied: bool) -> Shape:
    """The shape that a model_config.yaml describes; `tied`: its weights say that the head is the embedding."""
    if unknown := sorted(str(name) for name in content if name not in SILENT):
        raise WeightsError(f"{file}: {unknown[0]} is no setting that is read", CURE)
    config = SILENT | dict(content)
    for name, value in FIXED.items():
        if config[name] != value:
            raise _not_read(file, name, config[name], value)
    try:
        config = _completed(config)
        shape = _shape(config, file, tied)
    except ValidationError as error:
        field, message = error.errors()[0]["loc"], error.errors()[0]["msg"]
        name = FIELDS.get(str(field[0]), str(field[0])) if field else "the shape"
        raise WeightsError(f"{file}: {name}: {message}", "compare with the config the weights came with") from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{file}: not a config of LitGPT's ({error})", "copy it again") from error
    written = to_litgpt(shape)
    for name in sorted(config.keys() - FREE):
        if not _equal(config[name], written[name]):
            raise _not_read(file, name, config[name], written[name])
    return shape


def _missing(shape: Shape) -> str:
    """What of the shape LitGPT cannot compute; "" where it can all."""
    lacks = {
        "learned positions": shape.traits.positions == "learned",
        "blocks without rotary positions": bool(shape.unrotated_blocks),
        f"embedding multiplier of {shape.embedding_multiplier}": not _is_scaled_by_root(shape),
        f"residual multiplier of {shape.residual_multiplier}": shape.residual_multiplier != 1,
        f"divisor of logits of {shape.logits_scaling}": shape.logits_scaling != 1,
    }
    return next((name for name, holds in lacks.items() if holds), "")


def _is_scaled_by_root(shape: Shape) -> bool:
    """Or not scaled."""
    return shape.embedding_multiplier == 1 or math.isclose(shape.embedding_multiplier, shape.width**0.5)


def _plain(value: Any) -> Any:
    """10000.0 → 10000, as LitGPT writes its bases."""
    return int(value) if isinstance(value, float) and value.is_integer() and value > 1 else value


def _scalar(multiplier: float | None) -> float | int | None:
    """What LitGPT divides scores by the square root of."""
    if multiplier is None:
        return None
    scalar = multiplier**-2
    return round(scalar) if math.isclose(scalar, round(scalar)) else scalar


def _adjustments(scaling: RopeScaling | None) -> dict[str, float] | None:
    if scaling is None:
        return None
    fields = ROPE_FIELDS if scaling.kind == "llama3" else ("factor",)
    return {ROPE_FIELDS[ours]: getattr(scaling, ours) for ours in fields}


def _completed(config: dict[str, Any]) -> dict[str, Any]:
    """With what LitGPT derives where it is not stated, each setting spelt in one way."""
    multiple, rows = config["padding_multiple"], config["vocab_size"]
    derived = {
        "padded_vocab_size": -(-rows // multiple) * multiple,
        "head_size": config["n_embd"] // config["n_head"],
        "n_query_groups": config["n_head"],
        "intermediate_size": 4 * config["n_embd"],
    }
    config |= {name: value for name, value in derived.items() if config[name] is None}
    if not config["norm_qk"]:
        config["norm_qk_type"] = "default"
    if config["mlp_class_name"] == "LLaMAMLP":
        config["gelu_approximate"] = "none"
    if (ratio := config["rope_condense_ratio"]) != 1 and not (
        config["rope_adjustments"] or config["rope_local_base_freq"]
    ):
        config |= {"rope_condense_ratio": 1, "rope_adjustments": {"factor": ratio}}
    for size, indices in (
        ("sliding_window_size", "sliding_window_indices"),
        ("rope_local_base_freq", "rope_indices"),
    ):
        blocks = config["n_layer"] if 0 < config["n_layer"] <= 1000 else 0
        given = [1] * blocks if config[indices] is None else list(config[indices])[:blocks]
        config[indices] = None if config[size] is None else given
    return config


def _shape(config: Mapping[str, Any], file: Path, tied: bool) -> Shape:
    """Of the first family that has these traits and keeps all of the shape in its own config.json."""
    families = _families(config)
    if not families:
        settings = ("norm_class_name", "mlp_class_name", "norm_1", "post_attention_norm", "norm_qk", "bias")
        described = ", ".join(f"{name} = {config[name]}" for name in settings)
        raise WeightsError(f"{file}: no family that is read has {described}", CURE)
    values = {ours: config[theirs] for ours, theirs in FIELDS.items() if config[theirs] is not None}
    values |= {"family": families[0], "tied": tied}
    if config["scale_embeddings"]:
        values["embedding_multiplier"] = config["n_embd"] ** 0.5
    if config["attention_scores_scalar"] is not None:
        values["attention_multiplier"] = config["attention_scores_scalar"] ** -0.5
    if adjustments := config["rope_adjustments"]:
        stretch = {ours: adjustments[theirs] for ours, theirs in ROPE_FIELDS.items() if theirs in adjustments}
        values["rope_scaling"] = {"kind": "llama3" if len(stretch) > 1 else "linear", **stretch}
    if windowed := config["sliding_window_indices"]:
        values["global_blocks"] = tuple(block for block, sees_less in enumerate(windowed) if not sees_less)
    shape = Shape.model_validate(values)
    for family in families:
        if kept := _kept(Shape.model_validate(values | {"family": family}), file):
            return kept
    raise WeightsError(f"{file}: none of {', '.join(families)} has all that it asks for ({shape!r})", CURE)


def _families(config: Mapping[str, Any]) -> list[str]:
    """Those with the traits that the config describes, first those whose name the config's begins with."""
    norm, name = config["norm_class_name"], str(config["name"])

    def fits(traits: Traits) -> bool:
        is_offset = traits.norm == "rms + 1"
        before, after = BLOCK_NORMS[traits.block_norms]
        return (
            traits.positions == "rotary"
            and NORMS[traits.norm] == norm
            and is_offset == (OFFSET in name and norm == "RMSNorm")
            and MLPS[traits.mlp] == config["mlp_class_name"]
            and (before, before, after, after)
            == tuple(config[n] for n in ("norm_1", "norm_2", "post_attention_norm", "post_mlp_norm"))
            and QUERY_NORMS[traits.query_norms] == (config["norm_qk"], config["norm_qk_type"])
            and BIASES[traits.bias] == (config["bias"], config["attn_bias"])
        )

    fitting = [family for family, traits in FAMILIES.items() if fits(traits)]
    return sorted(fitting, key=lambda family: not name.lower().startswith(NAMES[family].lower()))


def _kept(shape: Shape, file: Path) -> Shape | None:
    """The shape once written into its family's config.json and read again; None where that loses something."""
    import torch

    try:
        read = to_shape(to_config(shape, SpecialIds(), torch.float32), file)
    except WeightsError:
        return None
    return read if _explicit(read) == _explicit(shape) else None


def _explicit(shape: Shape) -> Shape:
    """With what is otherwise derived."""
    derived: dict[str, Any] = {"attention_multiplier": shape.attention_multiplier or shape.head_width**-0.5}
    if shape.local_rope_theta is None and shape.rope_scaling is None:
        derived["local_rope_theta"] = shape.rope_theta
    return shape.model_copy(update=derived)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other)
    return one == other


def _not_read(file: Path, name: str, value: Any, ours: Any) -> WeightsError:
    return WeightsError(f"{file}: {name} = {value!r}, where what is read has {ours!r}", CURE)
