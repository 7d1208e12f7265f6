"""The loss of next-token prediction without ever holding all logits, which at 50,000 tokens outweigh the network.

The head is applied to some rows at a time, and since the gradient of a sum of cross-entropies is softmax minus one-hot,
each portion's gradient is taken at once and its logits are dropped: three matrix products, none twice (the idea of
Liger-Kernel, arXiv 2410.10989, section 3.2). F.linear_cross_entropy of torch 2.13 is as fast; it breaks a compiled
graph and knows no autocast.

n rows (tokens) · d width · v vocabulary
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.batches import IGNORE

ROWS_ON_CPU, ROWS_ON_GPU = 256, 2048  # tokens at once: a portion stays in the cache, or keeps the device busy


def cross_entropy(x_btd: Tensor, head_vd: Tensor, targets_bt: Tensor, cap: float | None = None) -> Tensor:
    """Nats, summed over all targets but IGNORE: divide by their number, over all ranks and micro-batches, for a mean.

    The logits are `x_btd @ head_vd.T`, capped as scores are where there is a `cap`; sums are in float32 whatever the
    autocast dtype. Differentiable once.
    """
    return SummedCrossEntropy.apply(x_btd.flatten(0, -2), head_vd, targets_bt.flatten(), cap)


class SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_nd: Tensor, head_vd: Tensor, targets_n: Tensor, cap: float | None) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=x_nd.device)
        x_gradient = torch.empty_like(x_nd) if ctx.needs_input_grad[0] else None
        head_gradient = torch.zeros_like(head_vd, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for rows in portions(x_nd):
            loss_n, logprobs_nv, slope_nv = portion_losses(x_nd[rows], head_vd, targets_n[rows], cap)
            total += loss_n.sum()
            gradient_nv = logits_gradient(logprobs_nv, targets_n[rows], slope_nv)
            if x_gradient is not None:
                x_gradient[rows] = gradient_nv @ head_vd.to(gradient_nv.dtype)
            if head_gradient is not None:
                head_gradient += gradient_nv.T @ x_nd[rows].to(gradient_nv.dtype)
        ctx.save_for_backward(x_gradient, head_gradient)
        return total

    @staticmethod
    @once_differentiable  # its decorated signature is narrower than the base class states
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, total_gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None]:
        x_gradient, head_gradient = ctx.saved_tensors
        return (
            None if x_gradient is None else x_gradient * total_gradient,
            None if head_gradient is None else head_gradient * total_gradient,
            None,
            None,
        )


def portions(x_nd: Tensor) -> list[slice]:
    """Row ranges of one portion each, in order."""
    at_once = ROWS_ON_CPU if x_nd.device.type == "cpu" else ROWS_ON_GPU
    return [slice(start, start + at_once) for start in range(0, x_nd.shape[0], at_once)]


def portion_losses(
    x_nd: Tensor, head_vd: Tensor, targets_n: Tensor, cap: float | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Nats a target (n,), 0 where IGNORE; log-probabilities (n,v) in float32; the cap's slope (n,v), None without."""
    logits_nv, slope_nv = F.linear(x_nd, head_vd).float(), None
    if cap is not None:
        share_nv = torch.tanh(logits_nv / cap)
        logits_nv, slope_nv = cap * share_nv, 1 - share_nv.square()
    logprobs_nv = logits_nv.log_softmax(-1)
    picked_n = logprobs_nv.gather(1, targets_n.clamp(min=0)[:, None])[:, 0]
    return torch.where(targets_n == IGNORE, 0.0, -picked_n), logprobs_nv, slope_nv


def logits_gradient(logprobs_nv: Tensor, targets_n: Tensor, slope_nv: Tensor | None) -> Tensor:
    """Softmax minus one-hot times the cap's slope, rows of IGNORE all 0, in the dtype that autocast multiplies in.

    It overwrites the log-probabilities.
    """
    gradient_nv = logprobs_nv.exp_()
    gradient_nv.scatter_add_(1, targets_n.clamp(min=0)[:, None], gradient_nv.new_full((len(targets_n), 1), -1.0))
    gradient_nv.mul_((targets_n != IGNORE)[:, None])
    if slope_nv is not None:
        gradient_nv.mul_(slope_nv)
    device = gradient_nv.device.type
    return gradient_nv.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else gradient_nv
