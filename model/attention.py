"""Causal attention with rotary positions, grouped key/value heads and document masks, on one screen.

b batch · t position · s position attended to · d width · h query heads · g key/value heads · k head width
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.family import Shape

Rotation = Callable[[Tensor], Tensor]  # q or k (b, heads, t, k) → the same, turned by its positions
PLAIN_UP_TO = 512  # positions: up to here two plain matmuls beat the fused kernel in bf16 on a CPU, and only there


class KVCache:
    """The keys and values of the tokens that one block has read, in memory allocated once."""

    def __init__(self, context: int) -> None:
        self.context, self.length = context, 0
        self.k_bgsk = self.v_bgsk = torch.empty(0)

    def extend(self, k_bgtk: Tensor, v_bgtk: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values so far, these included."""
        if self.length == 0:
            b, g, _, k = k_bgtk.shape
            self.k_bgsk, self.v_bgsk = k_bgtk.new_empty(2, b, g, self.context, k)
        end = self.length + k_bgtk.shape[2]
        self.k_bgsk[:, :, self.length : end] = k_bgtk
        self.v_bgsk[:, :, self.length : end] = v_bgtk
        self.length = end
        return self.k_bgsk[:, :, :end], self.v_bgsk[:, :, :end]


class Attention(nn.Module):
    """Causal, grouped-query (Ainslie et al. 2023, arXiv 2305.13245)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        bias, queries, keys = shape.traits.bias, shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        self.head_width = shape.head_width
        self.to_q = nn.Linear(shape.width, queries, bias=bias)
        self.to_k = nn.Linear(shape.width, keys, bias=bias)
        self.to_v = nn.Linear(shape.width, keys, bias=bias)
        self.to_out = nn.Linear(queries, shape.width, bias=bias)
        normed = shape.traits.head_norms
        self.q_norm = nn.RMSNorm(shape.head_width, shape.norm_eps) if normed else nn.Identity()
        self.k_norm = nn.RMSNorm(shape.head_width, shape.norm_eps) if normed else nn.Identity()

    def forward(
        self, x_btd: Tensor, rotate: Rotation, mask_b1ts: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        q_bhtk, k_bgsk, v_bgsk = self.project(x_btd, rotate)
        if cache is not None:
            k_bgsk, v_bgsk = cache.extend(k_bgsk, v_bgsk)
        y_bhtk = attend(q_bhtk, k_bgsk, v_bgsk, mask_b1ts)
        return self.to_out(y_bhtk.transpose(1, 2).flatten(2))

    def project(self, x_btd: Tensor, rotate: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (b,h,t,k), keys (b,g,t,k) and values (b,g,t,k)."""
        q_bhtk, k_bgtk, v_bgtk = (
            to_heads(x_btd).unflatten(-1, (-1, self.head_width)).transpose(1, 2)
            for to_heads in (self.to_q, self.to_k, self.to_v)
        )
        return rotate(self.q_norm(q_bhtk)), rotate(self.k_norm(k_bgtk)), v_bgtk

    def weights(self, x_btd: Tensor, rotate: Rotation, mask_b1ts: Tensor | None = None) -> Tensor:
        """The attention map (b,h,t,s): how much position t looks at position s; each row sums to 1."""
        q_bhtk, k_bgsk, _ = self.project(x_btd, rotate)
        return weigh(q_bhtk, k_bgsk, mask_b1ts)


def attend(q_bhtk: Tensor, k_bgsk: Tensor, v_bgsk: Tensor, mask_b1ts: Tensor | None) -> Tensor:
    """Each query's weighted mean of the values it may see; without a mask, those up to its own position."""
    (g, s), t = k_bgsk.shape[1:3], q_bhtk.shape[2]
    if q_bhtk.device.type == "cpu" and q_bhtk.dtype == torch.bfloat16 and s <= PLAIN_UP_TO:
        weights_bgrs = weigh(q_bhtk, k_bgsk, mask_b1ts).unflatten(1, (g, -1)).flatten(2, 3)
        return (weights_bgrs @ v_bgsk).unflatten(2, (-1, t)).flatten(1, 2)
    if mask_b1ts is None and 1 < t < s:
        mask_b1ts = causal(t, s, q_bhtk.device)  # is_causal would put the first query at the first key
    is_causal = mask_b1ts is None and t == s
    grouped = q_bhtk.shape[1] != g
    return F.scaled_dot_product_attention(q_bhtk, k_bgsk, v_bgsk, mask_b1ts, is_causal=is_causal, enable_gqa=grouped)


def weigh(q_bhtk: Tensor, k_bgsk: Tensor, mask_b1ts: Tensor | None) -> Tensor:
    """Softmax of the scaled scores, (b,h,t,s). The queries of a group stand under one another: keys are not copied."""
    (h, t, k), (g, s) = q_bhtk.shape[1:], k_bgsk.shape[1:3]
    q_bgrk = (q_bhtk * k**-0.5).unflatten(1, (g, h // g)).flatten(2, 3)
    scores_bhts = (q_bgrk @ k_bgsk.transpose(2, 3)).unflatten(2, (h // g, t)).flatten(1, 2)
    allowed = causal(t, s, q_bhtk.device) if mask_b1ts is None else mask_b1ts
    forbidden = torch.zeros(allowed.shape, dtype=scores_bhts.dtype, device=allowed.device)
    return (scores_bhts + forbidden.masked_fill(~allowed, -math.inf)).softmax(-1)


def causal(t: int, s: int, device: torch.device) -> Tensor:
    """True where position t may look at position s; the last query stands at the last key."""
    return torch.ones(t, s, dtype=torch.bool, device=device).tril(s - t)


def document_mask(documents_bt: Tensor) -> Tensor:
    """(b,1,t,t), True where both positions are of one document and the second is not later: packing without leaks."""
    same_btt = documents_bt[:, :, None] == documents_bt[:, None, :]
    t = documents_bt.shape[1]
    return (same_btt & causal(t, t, documents_bt.device)).unsqueeze(1)


def rotary(shape: Shape, positions_bt: Tensor) -> Rotation:
    """RoPE (Su et al. 2021, arXiv 2104.09864) in Hugging Face's layout: dimension i turns with i + head_width / 2."""
    half = shape.head_width // 2
    angles_b1tk = (positions_bt.float()[..., None] * frequencies(shape, positions_bt.device)).unsqueeze(1)
    cos = torch.cat((angles_b1tk.cos(), angles_b1tk.cos()), dim=-1)
    sin = torch.cat((-angles_b1tk.sin(), angles_b1tk.sin()), dim=-1)
    return lambda x_bhtk: x_bhtk * cos.to(x_bhtk.dtype) + x_bhtk.roll(half, dims=-1) * sin.to(x_bhtk.dtype)


def frequencies(shape: Shape, device: torch.device) -> Tensor:
    """Radians a position for each pair of dimensions, (head_width / 2,) in float32.

    Stretched as Llama 3.1 does where the shape has `rope_scaling`.
    """
    exponents = torch.arange(0, shape.head_width, 2, device=device).float() / shape.head_width
    plain = 1.0 / shape.rope_theta**exponents
    if (scaling := shape.rope_scaling) is None:
        return plain
    turns = scaling.original_context * plain / (2 * math.pi)  # full turns within the original context
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)  # 1: a fast pair, unchanged; 0: a slow one, stretched in full
    return kept * plain + (1 - kept) * plain / scaling.factor
