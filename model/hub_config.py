"""config.json and Shape: each read from the other.

Read are the form of transformers 5 (`rope_parameters`, `dtype`) and the older one (`rope_theta` beside `rope_scaling`,
`torch_dtype`); written are both at once, so that vLLM, LitGPT and llama.cpp find what they look for.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from model.family import Shape, SpecialIds

if TYPE_CHECKING:
    import torch


class WeightsError(ValueError):
    """Weights that cannot be read as one of our families: what is wrong and where, then what to do."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}\n  fix: {cure}")
        self.what, self.cure = what, cure


ARCHITECTURES = {"gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM"}
LLAMA_FIELDS = {  # Shape's field: Hugging Face's
    "vocabulary": "vocab_size",
    "context": "max_position_embeddings",
    "depth": "num_hidden_layers",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_width": "head_dim",
    "ffn_width": "intermediate_size",
    "tied": "tie_word_embeddings",
    "norm_eps": "rms_norm_eps",
}
GPT2_FIELDS = {
    "vocabulary": "vocab_size",
    "context": "n_positions",
    "depth": "n_layer",
    "width": "n_embd",
    "heads": "n_head",
    "ffn_width": "n_inner",
    "tied": "tie_word_embeddings",
    "norm_eps": "layer_norm_epsilon",
}
FIELDS = {"gpt2": GPT2_FIELDS, "llama": LLAMA_FIELDS, "qwen3": LLAMA_FIELDS}
ROPE_SCALING_FIELDS = {
    "factor": "factor",
    "low_freq_factor": "low_freq_factor",
    "high_freq_factor": "high_freq_factor",
    "original_context": "original_max_position_embeddings",
}
# What we build in one way only: the first value is what we write, any of them may be read.
LLAMA_FIXED = {"hidden_act": ("silu", "swish"), "attention_bias": (False,), "mlp_bias": (False,)}
QWEN3_FIXED = {"hidden_act": ("silu", "swish"), "attention_bias": (False,), "use_sliding_window": (False,)}
GPT2_FIXED = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
}
FIXED = {"gpt2": GPT2_FIXED, "llama": LLAMA_FIXED, "qwen3": QWEN3_FIXED}
# What a silent config means: the defaults of transformers' own classes.
SILENT = {
    "gpt2": {"tied": True, "norm_eps": 1e-5},
    "llama": {"tied": False, "norm_eps": 1e-6},
    "qwen3": {"tied": False, "norm_eps": 1e-6, "head_width": 128},
}


def to_config(shape: Shape, special_ids: SpecialIds, dtype: "torch.dtype") -> dict[str, Any]:
    """The content of config.json."""
    dtype_name = str(dtype).removeprefix("torch.")
    config: dict[str, Any] = {
        "model_type": shape.family,
        "architectures": [ARCHITECTURES[shape.family]],
        "dtype": dtype_name,
        "torch_dtype": dtype_name,
        "initializer_range": 0.02,
        "use_cache": True,
    }
    config |= special_ids_to_config(special_ids)
    config |= {theirs: getattr(shape, ours) for ours, theirs in FIELDS[shape.family].items()}
    config |= {name: values[0] for name, values in FIXED[shape.family].items()}
    return config | (rope_to_config(shape) if shape.traits.positions == "rotary" else {})


def special_ids_to_config(special_ids: SpecialIds) -> dict[str, Any]:
    end = special_ids.end[0] if len(special_ids.end) == 1 else list(special_ids.end) or None
    return {"bos_token_id": special_ids.begin, "eos_token_id": end, "pad_token_id": special_ids.pad}


def rope_to_config(shape: Shape) -> dict[str, Any]:
    scaling = None
    if shape.rope_scaling is not None:
        values = {theirs: getattr(shape.rope_scaling, ours) for ours, theirs in ROPE_SCALING_FIELDS.items()}
        scaling = {"rope_type": "llama3", **values}
    parameters = {"rope_type": "default", "rope_theta": shape.rope_theta, **(scaling or {})}
    return {"rope_parameters": parameters, "rope_theta": shape.rope_theta, "rope_scaling": scaling}


def to_shape(config: Mapping[str, Any], file: Path) -> Shape:
    """The shape that a config.json describes; `file` is named in what is raised."""
    family = config.get("model_type")
    if not isinstance(family, str) or family not in FIELDS:
        raise WeightsError(
            f"{file}: model_type = {family!r}, but only {', '.join(FIELDS)} are read",
            "take weights of one of these families",
        )
    for name, values in FIXED[family].items():
        if config.get(name, values[0]) not in values:
            raise WeightsError(
                f"{file}: {name} = {config[name]!r}, where our {family} has {values[0]!r} only",
                "take a model of the family's usual form",
            )
    if config.get("quantization_config"):
        raise WeightsError(f"{file}: the weights are quantized", "take the float weights they were made from")
    named = {ours: config[theirs] for ours, theirs in FIELDS[family].items() if config.get(theirs) is not None}
    try:
        return Shape.model_validate(_completed({"family": family, **SILENT[family], **named}) | _rope(config, file))
    except ValidationError as error:
        field, message = error.errors()[0]["loc"], error.errors()[0]["msg"]
        names = [FIELDS[family].get(str(field[0]), str(field[0])), *map(str, field[1:])] if field else ["the shape"]
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


def _rope(config: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """`rope_theta` and `rope_scaling` of a Shape, from either form."""
    stated = [config.get(name) or {} for name in ("rope_scaling", "rope_parameters")]
    if not all(isinstance(values, dict) for values in stated):
        raise WeightsError(
            f"{file}: rope_scaling or rope_parameters is no table", "compare with the config the weights came with"
        )
    rope: dict[str, Any] = stated[0] | stated[1]
    kind = rope.get("rope_type") or rope.get("type") or "default"
    theta = rope.get("rope_theta") or config.get("rope_theta") or 10_000.0
    if kind not in ("default", "llama3") or rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise WeightsError(
            f"{file}: rotary positions of the kind {rope!r} are not built here",
            "take a model whose rope_type is default or llama3",
        )
    if kind == "default":
        return {"rope_theta": theta}
    values = {ours: rope[theirs] for ours, theirs in ROPE_SCALING_FIELDS.items() if theirs in rope}
    return {"rope_theta": theta, "rope_scaling": values}
