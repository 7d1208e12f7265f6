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
GEMMA_FIELDS = LLAMA_FIELDS | {"attention_cap": "attn_logit_softcapping", "logits_cap": "final_logit_softcapping"}
GEMMA_SILENT = {"tied": True, "norm_eps": 1e-6, "kv_heads": 4, "head_width": 256, "window": 4096}
GELU = "gelu_pytorch_tanh"
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
    window_switch: bool = False  # which holds where use_sliding_window says so
    full_every: int | None = None  # of the blocks one that sees all, where layer_types is silent; None: no layer_types
    scaled_embedding: bool = False  # by the square root of the width
    query_scalar: int | None = None  # what query_pre_attn_scalar is where a config is silent; None: it has none
    local_rotation: bool = False  # blocks with a window have a base of their own
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
    "gemma": HubFamily(
        "GemmaForCausalLM",
        fixed={"hidden_act": (GELU, "gelu", None), "hidden_activation": (GELU, None), "attention_bias": (False,)},
        silent={"tied": True, "norm_eps": 1e-6, "kv_heads": 16, "head_width": 256},
        scaled_embedding=True,
    ),
    "gemma2": HubFamily(
        "Gemma2ForCausalLM",
        GEMMA_FIELDS,
        {"hidden_activation": (GELU,), "attention_bias": (False,), "use_bidirectional_attention": (None, False)},
        GEMMA_SILENT | {"attention_cap": 50.0, "logits_cap": 30.0},
        windows=True,
        full_every=2,
        scaled_embedding=True,
        query_scalar=256,
    ),
    "gemma3_text": HubFamily(
        "Gemma3ForCausalLM",
        GEMMA_FIELDS,
        {"hidden_activation": (GELU,), "attention_bias": (False,), "use_bidirectional_attention": (False, None)},
        GEMMA_SILENT | {"rope_theta": 1e6, "local_rope_theta": 1e4},
        windows=True,
        full_every=6,
        scaled_embedding=True,
        query_scalar=256,
        local_rotation=True,
    ),
    "olmo2": HubFamily(
        "Olmo2ForCausalLM", fixed=SILU | {"attention_bias": (False,)}, silent={"tied": False, "norm_eps": 1e-5}
    ),
}
EXPERTS = "experts are not read yet"
NOT_READ = {  # model types that people have, and what of them is not built
    **dict.fromkeys(("mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "phimoe", "deepseek_v2", "deepseek_v3"), EXPERTS),
    **dict.fromkeys(("gpt_oss", "llama4", "llama4_text", "granitemoe"), EXPERTS),
    **dict.fromkeys(
        ("gemma3", "gemma3n", "llava", "mllama", "qwen2_vl"), "its pictures are not read: take the text model"
    ),
    **dict.fromkeys(("gpt_neox", "gptj", "phi", "falcon"), "attention and MLP side by side are not read"),
    **dict.fromkeys(("bloom", "mpt"), "positions as slopes (ALiBi) are not read"),
    **dict.fromkeys(("mamba", "mamba2", "rwkv", "jamba"), "it is no transformer, or not one alone"),
    **dict.fromkeys(("t5", "bart", "bert", "roberta", "whisper"), "it is no decoder of text alone"),
}
