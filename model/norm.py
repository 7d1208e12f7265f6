"""The norms of the families: LayerNorm, RMSNorm, and Gemma's RMSNorm, whose gain is 1 + weight."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.family import Shape


class OffsetRMSNorm(nn.RMSNorm):
    """RMSNorm times (1 + weight), in float32 (arXiv 2403.08295): a weight of 0 changes nothing."""

    def forward(self, x: Tensor) -> Tensor:
        gain = 1.0 + self.weight.float()
        return F.rms_norm(x.float(), self.normalized_shape, gain, self.eps).to(x.dtype)


NORMS = {"layer": nn.LayerNorm, "rms": nn.RMSNorm, "rms + 1": OffsetRMSNorm}


def norm_of(shape: Shape, width: int) -> nn.Module:
    """A norm of the shape's family over vectors of that width."""
    return NORMS[shape.traits.norm](width, eps=shape.norm_eps)
