"""Tiny models of transformers and what PEFT and TRL compute with them, for tests that compare on the spot."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

SPECIALS = ("<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>", "<|eos|>", "<|unk|>")
CHATML = (
    "{%- for m in messages -%}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{%- if m['role'] == 'assistant' -%}{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{%- else -%}{{ m['content'] + '<|im_end|>\n' }}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
)
SIZES = {"vocab_size": 128, "bos_token_id": 1, "eos_token_id": 3, "pad_token_id": 0}
LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256}
WIDTHS = {"hidden_size": 64, "intermediate_size": 96}
STRETCHED = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
LOCAL = {
    "full_attention": {"rope_type": "linear", "rope_theta": 100_000.0, "factor": 4.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 1_000.0},
}
PARTLY = {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.75}
MULTIPLIERS = {"embedding_multiplier": 3.0, "residual_multiplier": 0.3, "attention_multiplier": 0.11}
MULTIPLIERS |= {"logits_scaling": 2.5}
CONFIGS: dict[str, PretrainedConfig] = {
    "gpt2": GPT2Config(**SIZES, n_layer=2, n_embd=48, n_head=4, n_positions=64),
    "llama": LlamaConfig(**SIZES, **LAYERS, **WIDTHS),
    "llama tied": LlamaConfig(**SIZES, **LAYERS, **WIDTHS, tie_word_embeddings=True),
    "llama stretched": LlamaConfig(**SIZES, **LAYERS, **WIDTHS, rope_parameters=STRETCHED),
    "qwen3": Qwen3Config(**SIZES, **LAYERS, **WIDTHS, head_dim=24, tie_word_embeddings=True),
    "llama linear": LlamaConfig(**SIZES, **LAYERS, **WIDTHS, rope_parameters=LINEAR),
    "qwen2": Qwen2Config(**SIZES, **LAYERS, **WIDTHS),
    "qwen2 windowed": Qwen2Config(
        **SIZES, **LAYERS, **WIDTHS, use_sliding_window=True, sliding_window=11, max_window_layers=1
    ),
    "mistral": MistralConfig(**SIZES, **LAYERS, **WIDTHS, sliding_window=9),
    "mistral wide": MistralConfig(**SIZES, **LAYERS, **WIDTHS, sliding_window=None, head_dim=24),
    "phi3": Phi3Config(**SIZES, **LAYERS, **WIDTHS, sliding_window=13),
    "phi3 partly rotated": Phi3Config(**SIZES, **LAYERS, **WIDTHS, tie_word_embeddings=True, rope_parameters=PARTLY),
    "granite": GraniteConfig(**SIZES, **LAYERS, **WIDTHS, **MULTIPLIERS),
    "olmo2": Olmo2Config(**SIZES, **LAYERS, **WIDTHS),
    "gemma": GemmaConfig(**SIZES, **LAYERS, **WIDTHS, head_dim=24),
    "gemma2": Gemma2Config(**SIZES, **LAYERS, **WIDTHS, head_dim=24, sliding_window=9, query_pre_attn_scalar=20),
    "gemma3_text": Gemma3TextConfig(
        **SIZES, **{**LAYERS, "num_hidden_layers": 7}, **WIDTHS, head_dim=24, sliding_window=9, rope_parameters=LOCAL
    ),
    "smollm3": SmolLM3Config(**SIZES, **{**LAYERS, "num_hidden_layers": 5}, **WIDTHS),
}


def network_of(name: str = "llama", seed: int = 7) -> PreTrainedModel:
    """transformers' own, with seeded noise for weights, so large that mistakes show in its logits."""
    network = AutoModelForCausalLM.from_config(CONFIGS[name])
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator) + (parameter.dim() == 1))
    return network.eval()


def ascii_tokenizer() -> PreTrainedTokenizerFast:
    """One id a character: its ASCII code from 6 to 127, else `<|unk|>`; conversations are marked as ChatML."""
    ids = {token: number for number, token in enumerate(SPECIALS)} | {chr(code): code for code in range(6, 128)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<|unk|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    names = {"pad_token": "<|pad|>", "bos_token": "<|bos|>", "eos_token": "<|im_end|>", "unk_token": "<|unk|>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.chat_template = CHATML
    return fast


def with_adapter(network: PreTrainedModel) -> Any:
    """PEFT's low-rank change of the query and value matrices, with noise in it."""
    with warnings.catch_warnings(action="ignore"):
        from peft import LoraConfig, get_peft_model

        adapted = get_peft_model(network, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]))
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return adapted


def with_saved_adapter(base: Path, adapter: Path) -> Any:
    """PEFT's model of an adapter's folder, on the base of a folder of transformers'."""
    with warnings.catch_warnings(action="ignore"):
        from peft import PeftModel

    network = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    with warnings.catch_warnings(record=True, action="always") as raised:
        adapted = PeftModel.from_pretrained(network, adapter).eval()
    assert all(issubclass(warning.category, FutureWarning) for warning in raised), [str(w.message) for w in raised]
    return adapted


def dpo_trainer(policy: Any, reference: Any, pairs: list[dict[str, Any]], beta: float, folder: Path) -> Any:
    """TRL's trainer on pairs of {prompt, chosen, rejected}, each a list of messages."""
    with _trl() as trl:
        return trl.DPOTrainer(
            model=policy,
            ref_model=reference,
            args=trl.DPOConfig(**_settings(folder), max_length=None, beta=beta),
            train_dataset=Dataset.from_list(pairs),
            processing_class=ascii_tokenizer(),
        )


def sft_trainer(conversations: list[list[dict[str, str]]], folder: Path, max_length: int, packed: bool = False) -> Any:
    """TRL's trainer of the tiny Llama on the assistant's part of conversations."""
    packing = {"packing": True, "packing_strategy": "bfd"} if packed else {}
    with _trl() as trl:
        return trl.SFTTrainer(
            model=network_of(),
            args=trl.SFTConfig(**_settings(folder), max_length=max_length, assistant_only_loss=True, **packing),
            train_dataset=Dataset.from_list([{"messages": messages} for messages in conversations]),
            processing_class=ascii_tokenizer(),
        )


def loss_of(trainer: Any) -> tuple[torch.Tensor, dict[str, Any], dict[str, float]]:
    """The trainer's loss on all of its rows as one batch, that batch, and the metrics that it logs."""
    batch = trainer.data_collator([trainer.train_dataset[row] for row in range(len(trainer.train_dataset))])
    with warnings.catch_warnings(action="ignore"):
        loss = trainer.compute_loss(trainer.model, dict(batch))
    return loss, batch, {name: values[-1] for name, values in trainer._metrics["eval"].items()}


def _settings(folder: Path) -> dict[str, Any]:
    off = {"bf16": False, "gradient_checkpointing": False, "report_to": [], "disable_tqdm": True}
    return {"output_dir": str(folder), "use_cpu": True, **off}


@contextmanager
def _trl() -> Iterator[Any]:
    """TRL, whose import and trainers warn of what transformers will rename."""
    with warnings.catch_warnings(action="ignore"):
        import trl

        yield trl
