"""What config.json of each family says, and how: the fields of a Shape by their names there, and what is fixed.

A table a family; what several fields say together (positions, windows) is read in hub_config.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
GRANITE_FIELDS = LLAMA_FIELDS | {
    name: name for name in ("embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling")
}
SILU = {"hidden_act": ("silu", "swish")}
NO_BIAS = {"attention_bias": (False,), "mlp_bias": (False,)}


@dataclass(frozen=True)
class HubFamily:
    """One family. `silent` is what a config means that leaves a field out: the defaults of transformers' own class."""

    architecture: str
    fields: Mapping[str, str] = field(default_factory=lambda: LLAMA_FIELDS)
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # built in one way: the first is what we write
    silent: Mapping[str, Any] = field(default_factory=dict)
    windows: bool = False  # has sliding_window
    window_switch: bool = False  # which holds where use_sliding_window says so, in the blocks that layer_types names
    partial_rotation: bool = False
    unrotated: bool = False  # has no_rope_layers


HUB_FAMILIES = {
    "gpt2": HubFamily(
        "GPT2LMHeadModel",
        GPT2_FIELDS,
        {
            "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
            "add_cross_attention": (False,),
        },
        {"tied": True, "norm_eps": 1e-5},
    ),
    "llama": HubFamily("LlamaForCausalLM", fixed=SILU | NO_BIAS, silent={"tied": False, "norm_eps": 1e-6}),
    "mistral": HubFamily(
        "MistralForCausalLM",
        fixed=SILU,
        silent={"tied": False, "norm_eps": 1e-6, "kv_heads": 8, "window": 4096},
        windows=True,
    ),
    "phi3": HubFamily(
        "Phi3ForCausalLM",
        fixed=SILU | {"attention_bias": (False,)},
        silent={"tied": False, "norm_eps": 1e-5},
        windows=True,
        partial_rotation=True,
    ),
    "granite": HubFamily(
        "GraniteForCausalLM",
        GRANITE_FIELDS,
        SILU | NO_BIAS,
        {"tied": False, "norm_eps": 1e-6, "attention_multiplier": 1.0},
    ),
    "smollm3": HubFamily(
        "SmolLM3ForCausalLM",
        fixed=SILU | NO_BIAS,
        silent={"tied": True, "norm_eps": 1e-6, "kv_heads": 4, "rope_theta": 2e6},
        windows=True,
        window_switch=True,
        unrotated=True,
    ),
    "qwen2": HubFamily(
        "Qwen2ForCausalLM",
        fixed=SILU,
        silent={"tied": False, "norm_eps": 1e-6, "window": 4096},
        windows=True,
        window_switch=True,
    ),
    "qwen3": HubFamily(
        "Qwen3ForCausalLM",
        fixed=SILU | {"attention_bias": (False,)},
        silent={"tied": False, "norm_eps": 1e-6, "head_width": 128, "window": 4096},
        windows=True,
        window_switch=True,
    ),
    "olmo2": HubFamily(
        "Olmo2ForCausalLM", fixed=SILU | {"attention_bias": (False,)}, silent={"tied": False, "norm_eps": 1e-5}
    ),
}
EXPERTS = "experts are not read yet"
NOT_READ = {  # model types that people have, and what of them is not built
    **dict.fromkeys(("mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "phimoe", "deepseek_v2", "deepseek_v3"), EXPERTS),
    **dict.fromkeys(("gpt_oss", "llama4", "llama4_text", "granitemoe"), EXPERTS),
    **dict.fromkeys(("gemma", "gemma2", "gemma3", "gemma3_text"), "its gains of 1 + weight are not read yet"),
    **dict.fromkeys(("gpt_neox", "gptj", "phi", "falcon"), "attention and MLP side by side are not read"),
    **dict.fromkeys(("bloom", "mpt"), "positions as slopes (ALiBi) are not read"),
    **dict.fromkeys(("mamba", "mamba2", "rwkv", "jamba"), "it is no transformer, or not one alone"),
    **dict.fromkeys(("t5", "bart", "bert", "roberta", "whisper"), "it is no decoder of text alone"),
}
