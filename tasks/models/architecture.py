"""A network in words and numbers: how its parts are built, its tensors, and what it takes to train and to serve it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.family import Shape
from model.footprint import (
    FORMATS,
    activation_bytes,
    forward_flops,
    kv_cache_bytes,
    tensor_kinds,
    training_bytes,
    weight_bytes,
)

TRAINED_TOKENS = 1024  # of the one sequence whose training memory is stated, where the context is as long
CACHE_TOKENS = 1000
BLOCKS_LISTED = 8
NORMS = {"layer": "layer norms", "rms": "RMS norms", "rms + 1": "RMS norms with gains of 1 + weight"}
PLACES = {
    "before": "before attention and MLP",
    "after": "after attention and MLP, before they are added",
    "both": "before and after attention and MLP",
}
MLPS = {"gelu": "GELU", "swiglu": "SwiGLU", "geglu": "GeGLU"}
QUERY_NORMS = {
    "none": "",
    "each head": ", queries and keys normed in each head",
    "all heads": ", queries and keys normed",
}
BIASES = {"none": "none", "qkv": "of queries, keys and values", "all": "of all matrices but the head"}


@dataclass(frozen=True)
class Memory:
    """Bytes to train a network and to serve it."""

    training_state: int  # weights, gradients and AdamW's moments in float32
    activations: int  # of one sequence of `trained_tokens`
    trained_tokens: int
    serving: dict[str, int]  # the weights in each of FORMATS
    cache: int  # keys and values of CACHE_TOKENS in 16 bits
    full_cache: int  # of the whole context

    def as_json(self) -> dict[str, Any]:
        """{"train": …, "serve": {…}, "kv_cache": {…}} in bytes; `train` with one sequence's activations."""
        return {
            "train": self.training_state + self.activations,
            "train_parts": {
                "weights_gradients_moments": self.training_state,
                "activations": self.activations,
                "sequence_tokens": self.trained_tokens,
            },
            "serve": self.serving,
            "kv_cache": {"per_1000_tokens": self.cache, "full_context": self.full_cache},
        }


def memory(shape: Shape) -> Memory:
    """The memory of a network of that shape."""
    tokens = min(TRAINED_TOKENS, shape.context)
    return Memory(
        training_state=training_bytes(shape),
        activations=activation_bytes(shape, tokens),
        trained_tokens=tokens,
        serving={form: weight_bytes(shape, form) for form in FORMATS},
        cache=kv_cache_bytes(shape, CACHE_TOKENS),
        full_cache=kv_cache_bytes(shape, shape.context),
    )


def describe(shape: Shape) -> dict[str, Any]:
    """The JSON value of `triptych show`, without what is not of the network."""
    flops = forward_flops(shape)
    return {
        "family": shape.family,
        "depth": shape.depth,
        "width": shape.width,
        "heads": shape.heads,
        "kv_heads": shape.kv_heads,
        "vocabulary": shape.vocabulary,
        "context": shape.context,
        "parameters": shape.parameters,
        "flops_per_token": flops,
        "memory_bytes": memory(shape).as_json(),
        "head_width": shape.head_width,
        "ffn_width": shape.ffn_width,
        "tied": shape.tied,
        "training_flops_per_token": 3 * flops,
    }


def tensor_rows(shape: Shape) -> list[dict[str, Any]]:
    """A row for each kind of tensor: its name, shape, how many there are, parameters, and their share of all."""
    return [
        {
            "tensor": kind.name.removesuffix(".weight"),
            "shape": " × ".join(f"{size:,}" for size in kind.shape),
            "count": kind.count,
            "parameters": kind.parameters,
            "share": f"{kind.parameters / shape.parameters:.1%}",
        }
        for kind in tensor_kinds(shape)
    ]


def in_words(shape: Shape) -> dict[str, str]:
    """How each part is built, by the part's name."""
    traits = shape.traits
    parts = {
        "blocks": f"{shape.depth} of width {shape.width:,}",
        "attention": _attention(shape),
        "positions": _positions(shape),
        "reach": _reach(shape),
        "MLP": f"{MLPS[traits.mlp]}, {shape.ffn_width:,} wide",
        "norms": f"{NORMS[traits.norm]} {PLACES[traits.block_norms]}, and before the head",
        "biases": BIASES[traits.bias],
        "head": "the embedding itself (tied)" if shape.tied else "a matrix of its own",
        "caps": _caps(shape),
        "multipliers": _multipliers(shape),
    }
    return {name: text for name, text in parts.items() if text}


def _attention(shape: Shape) -> str:
    heads = f"{shape.heads} heads of width {shape.head_width}"
    if shape.kv_heads < shape.heads:
        plural = "s" if shape.kv_heads > 1 else ""
        heads = f"{shape.heads} query heads of width {shape.head_width} share {shape.kv_heads} key/value head{plural}"
    return heads + QUERY_NORMS[shape.traits.query_norms]


def _positions(shape: Shape) -> str:
    if shape.traits.positions == "learned":
        return f"a learned vector for each of {shape.context:,}"
    parts = [f"rotary, base {shape.rope_theta:,.0f}"]
    if shape.rotated_width < shape.head_width:
        parts.append(f"the first {shape.rotated_width} of {shape.head_width} dimensions of a head")
    if scaling := shape.rope_scaling:
        origin = f" from {scaling.original_context:,} tokens" if scaling.kind == "llama3" else ""
        parts.append(f"stretched {scaling.factor:g} ×{origin} ({scaling.kind})")
    if shape.local_rope_theta is not None:
        parts.append(f"base {shape.local_rope_theta:,.0f} and not stretched where a block has a window")
    if shape.unrotated_blocks:
        parts.append(f"none in {_blocks(shape.unrotated_blocks)}")
    return ", ".join(parts)


def _reach(shape: Shape) -> str:
    if shape.window is None:
        return f"all tokens before, up to {shape.context:,}"
    everywhere = f"a window of {shape.window:,} tokens"
    if not shape.global_blocks:
        return everywhere
    return f"{everywhere}; all up to {shape.context:,} in {_blocks(shape.global_blocks)}"


def _blocks(numbers: Sequence[int]) -> str:
    """`blocks 6, 12 and 18`, counted from 1."""
    shown = [str(number + 1) for number in numbers[:BLOCKS_LISTED]]
    if len(numbers) > BLOCKS_LISTED:
        return f"{len(numbers)} blocks ({', '.join(shown)}, …)"
    return f"block{'s' if len(shown) > 1 else ''} {', '.join(shown)}"


def _caps(shape: Shape) -> str:
    caps = {"scores": shape.attention_cap, "logits": shape.logits_cap}
    return ", ".join(f"{name} within ± {cap:g}" for name, cap in caps.items() if cap is not None)


def _multipliers(shape: Shape) -> str:
    factors = {
        "embedding": shape.embedding_multiplier,
        "what a block adds": shape.residual_multiplier,
        "scores": shape.attention_multiplier,
        "logits": 1 / shape.logits_scaling,
    }
    return ", ".join(f"{name} × {factor:.4g}" for name, factor in factors.items() if factor not in (None, 1))
