"""Small networks of each family, every feature of it in use."""

import torch

from model.decoder import Decoder, initialise
from model.family import RopeScaling, Shape, SpecialIds

SIZES = {"vocabulary": 61, "context": 32, "depth": 2, "width": 24, "heads": 4, "ffn_width": 40}
ROOT = SIZES["width"] ** 0.5  # by which Gemma multiplies its embeddings
SCALING = RopeScaling(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_context=16)
SHAPES = {
    "gpt2": Shape(family="gpt2", kv_heads=4, head_width=6, tied=True, **SIZES),
    "gpt2 untied": Shape(family="gpt2", kv_heads=4, head_width=6, tied=False, **SIZES),
    "llama": Shape(family="llama", kv_heads=2, head_width=6, tied=False, **SIZES),
    "llama tied and stretched": Shape(
        family="llama", kv_heads=1, head_width=8, tied=True, rope_theta=500.0, rope_scaling=SCALING, **SIZES
    ),
    "qwen3": Shape(family="qwen3", kv_heads=2, head_width=10, tied=True, norm_eps=1e-6, **SIZES),
    "llama linear": Shape(
        family="llama", kv_heads=2, head_width=6, tied=False, rope_scaling=RopeScaling(kind="linear", factor=4), **SIZES
    ),
    "mistral": Shape(family="mistral", kv_heads=2, head_width=8, tied=False, window=7, **SIZES),
    "phi3": Shape(family="phi3", kv_heads=2, head_width=6, tied=False, window=9, **SIZES),
    "phi3 partly rotated": Shape(family="phi3", kv_heads=2, head_width=8, tied=True, rotated_share=0.75, **SIZES),
    "granite": Shape(
        family="granite",
        kv_heads=2,
        head_width=6,
        tied=False,
        embedding_multiplier=1.5,
        residual_multiplier=0.8,
        attention_multiplier=0.2,
        logits_scaling=2.5,
        **SIZES,
    ),
    "smollm3": Shape(family="smollm3", kv_heads=2, head_width=6, tied=True, unrotated_blocks=(1,), **SIZES),
    "qwen2": Shape(family="qwen2", kv_heads=2, head_width=6, tied=True, **SIZES),
    "qwen2 windowed": Shape(
        family="qwen2", kv_heads=2, head_width=6, tied=False, window=5, global_blocks=(0,), **SIZES
    ),
    "gemma": Shape(family="gemma", kv_heads=1, head_width=8, tied=False, embedding_multiplier=ROOT, **SIZES),
    "gemma2": Shape(
        family="gemma2",
        kv_heads=2,
        head_width=10,
        tied=False,
        window=7,
        global_blocks=(1,),
        embedding_multiplier=ROOT,
        attention_multiplier=20**-0.5,
        attention_cap=5.0,
        logits_cap=3.0,
        **SIZES,
    ),
    "gemma3": Shape(
        family="gemma3_text",
        kv_heads=2,
        head_width=8,
        tied=False,
        window=6,
        global_blocks=(1,),
        embedding_multiplier=ROOT,
        attention_multiplier=16**-0.5,
        rope_scaling=RopeScaling(kind="linear", factor=2),
        local_rope_theta=500.0,
        **SIZES,
    ),
    "olmo2": Shape(family="olmo2", kv_heads=2, head_width=10, tied=False, **SIZES),
}


def decoder_of(name: str) -> Decoder:
    """The decoder of that name with weights of ten times the usual size and no gain 1 or bias 0, so mistakes show."""
    return scrambled(Decoder(SHAPES[name], SpecialIds(begin=0, end=(0,), pad=1)))


def scrambled(decoder: Decoder) -> Decoder:
    """The decoder with such weights, the same each time."""
    initialise(decoder, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(10 if parameter.dim() == 2 else 1)
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return decoder


def logits_of(decoder: Decoder, tokens_bt: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return decoder.logits(decoder(tokens_bt))


def tokens_of(rows: int, length: int) -> torch.Tensor:
    return torch.randint(SIZES["vocabulary"], (rows, length), generator=torch.Generator().manual_seed(3))
