"""Causal attention with rotary positions, grouped key/value heads and document masks, on one screen.

b batch · t position · s position attended to · d width · h query heads · g key/value heads · k head width
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.family import Shape
from model.norm import norm_of

Rotation = Callable[[Tensor], Tensor]  # q or k (b, heads, t, k) → the same, turned by its positions
PLAIN_UP_TO = 512  # positions: up to here two plain matmuls beat the fused kernel in bf16 on a CPU, and only there


class Rotations(NamedTuple):
    """How a block turns queries and keys: one that sees all before it, and one that sees a window."""

    of_all: Rotation
    of_window: Rotation


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

    def keep(self, kept_b: Tensor) -> None:
        """Only the rows of the batch where `kept_b` (bool) is true."""
        self.k_bgsk, self.v_bgsk = self.k_bgsk[kept_b], self.v_bgsk[kept_b]


class Attention(nn.Module):
    """Causal, grouped-query (Ainslie et al. 2023, arXiv 2305.13245)."""

    def __init__(self, shape: Shape, block: int = 0) -> None:
        super().__init__()
        traits, queries, keys = shape.traits, shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        bias = traits.bias != "none"
        self.head_width, self.window = shape.head_width, shape.window_of(block)
        self.rotates, self.cap = block not in shape.unrotated_blocks, shape.attention_cap
        self.score_scale = shape.attention_multiplier and shape.attention_multiplier * shape.head_width**0.5
        self.to_q = nn.Linear(shape.width, queries, bias=bias)
        self.to_k = nn.Linear(shape.width, keys, bias=bias)
        self.to_v = nn.Linear(shape.width, keys, bias=bias)
        self.to_out = nn.Linear(queries, shape.width, bias=traits.bias == "all")
        self.norms_each_head = traits.query_norms == "each head"
        widths = (shape.head_width,) * 2 if self.norms_each_head else (queries, keys)
        self.q_norm, self.k_norm = (
            nn.Identity() if traits.query_norms == "none" else norm_of(shape, width) for width in widths
        )

    def forward(
        self, x_btd: Tensor, rotate: Rotations, mask_b1ts: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        q_bhtk, k_bgsk, v_bgsk = self.project(x_btd, rotate)
        if cache is not None:
            k_bgsk, v_bgsk = cache.extend(k_bgsk, v_bgsk)
        y_bhtk = attend(q_bhtk, k_bgsk, v_bgsk, self.within_window(mask_b1ts, q_bhtk, k_bgsk), self.cap)
        return self.to_out(y_bhtk.transpose(1, 2).flatten(2))

    def project(self, x_btd: Tensor, rotate: Rotations) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (b,h,t,k), keys (b,g,t,k) and values (b,g,t,k)."""
        q_btd, k_btd, v_btd = self.to_q(x_btd), self.to_k(x_btd), self.to_v(x_btd)
        if not self.norms_each_head:
            q_btd, k_btd = self.q_norm(q_btd), self.k_norm(k_btd)
        q_bhtk, k_bgtk, v_bgtk = (
            y_btd.unflatten(-1, (-1, self.head_width)).transpose(1, 2) for y_btd in (q_btd, k_btd, v_btd)
        )
        if self.norms_each_head:
            q_bhtk, k_bgtk = self.q_norm(q_bhtk), self.k_norm(k_bgtk)
        if self.rotates:
            turn = rotate.of_all if self.window is None else rotate.of_window
            q_bhtk, k_bgtk = turn(q_bhtk), turn(k_bgtk)
        return q_bhtk if self.score_scale is None else q_bhtk * self.score_scale, k_bgtk, v_bgtk

    def within_window(self, mask_b1ts: Tensor | None, q_bhtk: Tensor, k_bgsk: Tensor) -> Tensor | None:
        """The mask without what lies before the window; None where attention is causal alone."""
        t, s = q_bhtk.shape[2], k_bgsk.shape[2]
        if self.window is None or s <= self.window:
            return mask_b1ts
        seen = causal(t, s, q_bhtk.device) if mask_b1ts is None else mask_b1ts
        return seen & ~torch.ones(t, s, dtype=torch.bool, device=q_bhtk.device).tril(s - t - self.window)

    def weights(self, x_btd: Tensor, rotate: Rotations, mask_b1ts: Tensor | None = None) -> Tensor:
        """The attention map (b,h,t,s): how much position t looks at position s; each row sums to 1."""
        q_bhtk, k_bgsk, _ = self.project(x_btd, rotate)
        return weigh(q_bhtk, k_bgsk, self.within_window(mask_b1ts, q_bhtk, k_bgsk), self.cap)


def attend(
    q_bhtk: Tensor, k_bgsk: Tensor, v_bgsk: Tensor, mask_b1ts: Tensor | None, cap: float | None = None
) -> Tensor:
    """Each query's weighted mean of the values it may see; without a mask, those up to its own position."""
    (g, s), t = k_bgsk.shape[1:3], q_bhtk.shape[2]
    is_faster = q_bhtk.device.type == "cpu" and q_bhtk.dtype == torch.bfloat16 and s <= PLAIN_UP_TO
    if is_faster or cap is not None:  # the fused kernel knows no cap
        weights_bgrs = weigh(q_bhtk, k_bgsk, mask_b1ts, cap).unflatten(1, (g, -1)).flatten(2, 3)
        return (weights_bgrs @ v_bgsk).unflatten(2, (-1, t)).flatten(1, 2)
    if mask_b1ts is None and 1 < t < s:
        mask_b1ts = causal(t, s, q_bhtk.device)  # is_causal would put the first query at the first key
    is_causal = mask_b1ts is None and t == s
    grouped = q_bhtk.shape[1] != g
    return F.scaled_dot_product_attention(q_bhtk, k_bgsk, v_bgsk, mask_b1ts, is_causal=is_causal, enable_gqa=grouped)


def weigh(q_bhtk: Tensor, k_bgsk: Tensor, mask_b1ts: Tensor | None, cap: float | None = None) -> Tensor:
    """Softmax of the scaled and capped scores, (b,h,t,s). The queries of a group stand under one another, keys once."""
    (h, t, k), (g, s) = q_bhtk.shape[1:], k_bgsk.shape[1:3]
    q_bgrk = (q_bhtk * k**-0.5).unflatten(1, (g, h // g)).flatten(2, 3)
    scores_bhts = (q_bgrk @ k_bgsk.transpose(2, 3)).unflatten(2, (h // g, t)).flatten(1, 2)
    scores_bhts = capped(scores_bhts, cap)
    allowed = causal(t, s, q_bhtk.device) if mask_b1ts is None else mask_b1ts
    forbidden = torch.zeros(allowed.shape, dtype=scores_bhts.dtype, device=allowed.device)
    return (scores_bhts + forbidden.masked_fill(~allowed, -math.inf)).softmax(-1)


def capped(values: Tensor, cap: float | None) -> Tensor:
    """cap · tanh(values / cap): all within ± cap (arXiv 2408.00118, section 2); without a cap the values."""
    return values if cap is None else cap * torch.tanh(values / cap)


def causal(t: int, s: int, device: torch.device) -> Tensor:
    """True where position t may look at position s; the last query stands at the last key."""
    return torch.ones(t, s, dtype=torch.bool, device=device).tril(s - t)


def document_mask(documents_bt: Tensor) -> Tensor:
    """(b,1,t,t), True where both positions are of one document and the second is not later: packing without leaks."""
    same_btt = documents_bt[:, :, None] == documents_bt[:, None, :]
    t = documents_bt.shape[1]
    return (same_btt & causal(t, t, documents_bt.device)).unsqueeze(1)


def rotations(shape: Shape, positions_bt: Tensor) -> Rotations:
    """How each kind of block turns its queries and keys."""
    of_all = rotary(shape, positions_bt)
    if shape.local_rope_theta is None:
        return Rotations(of_all, of_all)
    local = shape.model_copy(update={"rope_theta": shape.local_rope_theta, "rope_scaling": None})
    return Rotations(of_all, rotary(local, positions_bt))


def rotary(shape: Shape, positions_bt: Tensor) -> Rotation:
    """RoPE (Su et al. 2021, arXiv 2104.09864) in Hugging Face's layout: dimension i turns with i + width / 2.

    Of each head the first `rotated_width` dimensions are turned.
    """
    width, half = shape.rotated_width, shape.rotated_width // 2
    angles_b1tk = (positions_bt.float()[..., None] * frequencies(shape, positions_bt.device)).unsqueeze(1)
    cos = torch.cat((angles_b1tk.cos(), angles_b1tk.cos()), dim=-1)
    sin = torch.cat((-angles_b1tk.sin(), angles_b1tk.sin()), dim=-1)

    def turn(x_bhtk: Tensor) -> Tensor:
        return x_bhtk * cos.to(x_bhtk.dtype) + x_bhtk.roll(half, dims=-1) * sin.to(x_bhtk.dtype)

    if width == shape.head_width:
        return turn
    return lambda x_bhtk: torch.cat((turn(x_bhtk[..., :width]), x_bhtk[..., width:]), dim=-1)


def frequencies(shape: Shape, device: torch.device) -> Tensor:
    """Radians a position for each pair of dimensions, (rotated_width / 2,) in float32, stretched by `rope_scaling`."""
    exponents = torch.arange(0, shape.rotated_width, 2, device=device).float() / shape.rotated_width
    plain = 1.0 / shape.rope_theta**exponents
    if (scaling := shape.rope_scaling) is None:
        return plain
    if scaling.kind == "linear":
        return plain / scaling.factor
    turns = scaling.original_context * plain / (2 * math.pi)  # full turns within the original context
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)  # 1: a fast pair, unchanged; 0: a slow one, stretched in full
    return kept * plain + (1 - kept) * plain / scaling.factor
