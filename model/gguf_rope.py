"""Llama 3.1's stretching of the rotary frequencies in a GGUF file: a tensor of what each is divided by.

factors (k / 2,) · k dimensions of a head that are rotated
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from model.attention import frequencies
from model.family import RopeScaling, Shape
from model.hub_config import WeightsError

FACTORS = "rope_freqs.weight"
WHOLE = round, math.ceil, math.floor
TOLERANCE = 1e-4


def stretch_factors(shape: Shape) -> Tensor | None:
    """What each frequency is divided by; None where the shape does not stretch them that way."""
    if shape.rope_scaling is None or shape.rope_scaling.kind != "llama3":
        return None
    plain = shape.model_copy(update={"rope_scaling": None})
    return frequencies(plain, torch.device("cpu")) / frequencies(shape, torch.device("cpu"))


def stretch_of(factors: Tensor, shape: Shape, file: object) -> RopeScaling:
    """The stretching that gives these factors. Files do not say it in words; WeightsError where none does."""
    for scaling in _candidates(factors, shape, float(factors.max())):
        ours = stretch_factors(shape.model_copy(update={"rope_scaling": scaling}))
        if ours is not None and ours.shape == factors.shape and torch.allclose(ours, factors, rtol=TOLERANCE):
            return scaling
    what = f"{file}: {FACTORS} stretches the rotary positions in another way than Llama 3.1"
    raise WeightsError(what, "take the model's safetensors")


def _candidates(factors: Tensor, shape: Shape, largest: float) -> Iterator[RopeScaling]:
    """Llama's own, then its band over a context that one frequency gives, then a band that all of them give.

    Of the partly stretched, kept = (turns - low) / (high - low) is a line over the frequency, and `low` can be chosen.
    """
    yield from (RopeScaling(factor=factor, original_context=8192) for factor in (8.0, 32.0))
    factor, low, high = _rounded(largest), 1.0, 4.0
    plain = frequencies(shape.model_copy(update={"rope_scaling": None}), torch.device("cpu")).double()
    kept = (1 / factors.double() - 1 / factor) / (1 - 1 / factor) if factor > 1 else torch.ones_like(plain)
    contexts = ((low + kept * (high - low)) * 2 * math.pi / plain).tolist()
    yield from (RopeScaling(factor=factor, original_context=max(1, f(context))) for context in contexts for f in WHOLE)
    partly = (kept > 1e-4) & (kept < 1 - 1e-4)
    design = torch.stack((plain[partly] / (2 * math.pi), torch.ones_like(plain[partly])), 1)
    if len(design) >= 2:
        slope, intercept = torch.linalg.lstsq(design, kept[partly, None]).solution.flatten().tolist()
        if slope > 0 > intercept:
            high = _rounded(1 - 1 / intercept)
            original = max(1, round(slope * (high - 1)))
            yield RopeScaling(factor=factor, high_freq_factor=high, original_context=original)


def _rounded(value: float) -> float:
    """Without what float32 has added to a number of few digits."""
    return float(f"{value:.5g}")
