"""LitGPT's settings by name: what each says of a Shape, what they are where a file is silent, and which must not vary.

https://github.com/Lightning-AI/litgpt/blob/main/litgpt/config.py
"""

from typing import Any

LIT_MODEL, LIT_CONFIG = "lit_model.pth", "model_config.yaml"
FIELDS = {  # Shape's field: LitGPT's
    "vocabulary": "padded_vocab_size",
    "context": "block_size",
    "depth": "n_layer",
    "width": "n_embd",
    "heads": "n_head",
    "kv_heads": "n_query_groups",
    "head_width": "head_size",
    "ffn_width": "intermediate_size",
    "norm_eps": "norm_eps",
    "rope_theta": "rope_base",
    "rotated_share": "rotary_percentage",
    "window": "sliding_window_size",
    "attention_cap": "attention_logit_softcapping",
    "logits_cap": "final_logit_softcapping",
    "local_rope_theta": "rope_local_base_freq",
}
ROPE_FIELDS = {
    "factor": "factor",
    "low_freq_factor": "low_freq_factor",
    "high_freq_factor": "high_freq_factor",
    "original_context": "original_max_seq_len",
}
FIXED = {  # built in one way
    "parallel_residual": False,
    "shared_attention_norm": False,
    "lm_head_bias": False,
    "rope_interleave": False,
    "latent_attention": None,
    "n_expert": 0,
}
UNUSED = {  # where there are no experts
    "moe_intermediate_size": None,
    "n_shared_expert": None,
    "n_expert_groups": None,
    "n_topk_groups": None,
    "n_topk_scores_per_group": None,
    "n_expert_per_token": 0,
    "first_k_dense_replace": None,
    "routed_scaling_factor": 1.0,
    "norm_topk_prob": False,
}
SILENT: dict[str, Any] = {  # what a file means that leaves a setting out: the defaults of LitGPT's class
    **UNUSED,
    "name": "",
    "hf_config": {},
    "block_size": 4096,
    "n_layer": 16,
    "n_embd": 4096,
    "vocab_size": 50_254,
    "padding_multiple": 512,
    "padded_vocab_size": None,
    "n_head": 32,
    "head_size": None,
    "n_query_groups": None,
    "intermediate_size": None,
    "bias": True,
    "attn_bias": False,
    "lm_head_bias": False,
    "norm_class_name": "LayerNorm",
    "norm_eps": 1e-05,
    "norm_1": True,
    "norm_2": True,
    "post_attention_norm": False,
    "post_mlp_norm": False,
    "norm_qk": False,
    "norm_qk_type": "default",
    "parallel_residual": True,
    "shared_attention_norm": False,
    "mlp_class_name": "GptNeoxMLP",
    "gelu_approximate": "none",
    "scale_embeddings": False,
    "attention_scores_scalar": None,
    "attention_logit_softcapping": None,
    "final_logit_softcapping": None,
    "latent_attention": None,
    "rope_base": 10_000,
    "rotary_percentage": 0.25,
    "rope_interleave": False,
    "rope_condense_ratio": 1,
    "rope_adjustments": None,
    "rope_local_base_freq": None,
    "rope_indices": None,
    "sliding_window_size": None,
    "sliding_window_indices": None,
    "n_expert": 0,
}
FREE = {"name", "hf_config", "vocab_size", "padding_multiple", *UNUSED}  # change nothing that is computed

NORMS = {"rms": "RMSNorm", "rms + 1": "RMSNorm", "layer": "LayerNorm"}
MLPS = {"swiglu": "LLaMAMLP", "geglu": "GemmaMLP", "gelu": "GptNeoxMLP"}
QUERY_NORMS = {"none": (False, "default"), "each head": (True, "default"), "all heads": (True, "olmo2")}
BIASES = {"none": (False, False), "qkv": (False, True), "all": (True, False)}  # bias, attn_bias
BLOCK_NORMS = {"before": (True, False), "after": (False, True), "both": (True, True)}  # norm_1, post_attention_norm
OFFSET = "Gemma"  # in a config's name: gains are 1 + weight
NAMES = {  # by which LitGPT tells families apart, too
    "gpt2": "GPT-2",
    "llama": "Llama",
    "mistral": "Mistral",
    "phi3": "Phi-3",
    "granite": "Granite",
    "smollm3": "SmolLM3",
    "qwen2": "Qwen2.5",
    "qwen3": "Qwen3",
    "olmo2": "OLMo-2",
    "gemma": "Gemma",
    "gemma2": "Gemma-2",
    "gemma3_text": "Gemma-3",
}
