"""The networks that `init` chooses between: shapes by depth, and the public model that `--adapt` begins with."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.family import Shape

DEPTHS = (2, 4, 6, 8, 12)
CONTEXT, BATCH = 256, 8
VOCABULARIES = {1e6: 1024, 5e6: 4096, 2e9: 8192}  # bytes of text up to → tokens
LARGEST_VOCABULARY = 16_384


def vocabulary(text_bytes: int) -> int:
    """The size at which each token occurs some hundred times in the text, often enough to be learned."""
    return next((size for limit, size in VOCABULARIES.items() if text_bytes < limit), LARGEST_VOCABULARY)


def shape_of(depth: int, size: int) -> "Shape":
    """The network of that depth for a vocabulary of that size."""
    from model.depth import from_depth

    if depth == DEPTHS[0]:  # the demo's: wider than the dial would have it
        return from_depth(depth, size, CONTEXT, "llama", width=128, heads=4, kv_heads=4)
    return from_depth(depth, size, CONTEXT, "llama")


def public_shape() -> "Shape":
    """SmolLM2-135M (arXiv 2502.02737), which the recipe `adapt` begins with."""
    from model.depth import from_depth

    sides = {"width": 576, "heads": 9, "kv_heads": 3, "ffn_width": 1536, "tied": True}
    return from_depth(30, 49_152, CONTEXT, "llama", **sides)
