"""Small networks of each family, every feature of it in use."""

import torch

from model.decoder import Decoder, initialise
from model.family import RopeScaling, Shape, SpecialIds

SIZES = {"vocabulary": 61, "context": 32, "depth": 2, "width": 24, "heads": 4, "ffn_width": 40}
SCALING = RopeScaling(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_context=16)
SHAPES = {
    "gpt2": Shape(family="gpt2", kv_heads=4, head_width=6, tied=True, **SIZES),
    "gpt2 untied": Shape(family="gpt2", kv_heads=4, head_width=6, tied=False, **SIZES),
    "llama": Shape(family="llama", kv_heads=2, head_width=6, tied=False, **SIZES),
    "llama tied and stretched": Shape(
        family="llama", kv_heads=1, head_width=8, tied=True, rope_theta=500.0, rope_scaling=SCALING, **SIZES
    ),
    "qwen3": Shape(family="qwen3", kv_heads=2, head_width=10, tied=True, norm_eps=1e-6, **SIZES),
}


def decoder_of(name: str) -> Decoder:
    """The decoder of that name with weights of ten times the usual size and no gain 1 or bias 0, so mistakes show."""
    decoder = initialise(Decoder(SHAPES[name], SpecialIds(begin=0, end=(0,), pad=1)), seed=1)
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
