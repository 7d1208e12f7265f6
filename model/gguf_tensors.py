"""Where each tensor of a Hugging Face file stands in a GGUF file, and how its numbers lie there."""

from collections.abc import Callable

from torch import Tensor

from model.family import Shape
from model.gguf_families import GGUF_FAMILIES
from model.hub_config import WeightsError

HEAD = "output.weight"  # absent where the head is the embedding
EMBEDDING = "token_embd.weight"
QUERIES, KEYS = ".attn_q.", ".attn_k."


def namer(shape: Shape) -> Callable[[str], str]:
    """A function: the name in Hugging Face's file → in a GGUF file; WeightsError for one that has no place there."""
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    architecture = GGUF_FAMILIES[shape.family].architecture
    number = next(number for number, name in MODEL_ARCH_NAMES.items() if name == architecture)
    names = get_tensor_name_map(number, shape.depth)

    def name_of(theirs: str) -> str:
        name = names.get_name(theirs, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise WeightsError(f"GGUF: {theirs} has no place in llama.cpp's {architecture}", "export it as hf")
        return name

    return name_of


def to_gguf(tensor: Tensor, name: str, shape: Shape) -> Tensor:
    """As llama.cpp's network of the family computes with it.

    It turns neighbouring dimensions of a head together where Hugging Face turns those half a head apart, and knows
    norms' gains only, where Gemma's file has the gain less 1.
    """
    if _is_gain(name, shape):
        return tensor.float() + 1
    if not _is_turned(name, shape):
        return tensor
    return tensor.unflatten(0, (-1, 2, shape.head_width // 2)).transpose(1, 2).flatten(0, 2)


def from_gguf(tensor: Tensor, name: str, shape: Shape) -> Tensor:
    """The inverse of `to_gguf`."""
    if _is_gain(name, shape):
        return tensor - 1
    if not _is_turned(name, shape):
        return tensor
    return tensor.unflatten(0, (-1, shape.head_width // 2, 2)).transpose(1, 2).flatten(0, 2)


def _is_turned(name: str, shape: Shape) -> bool:
    return GGUF_FAMILIES[shape.family].turned and (QUERIES in name or KEYS in name)


def _is_gain(name: str, shape: Shape) -> bool:
    return shape.traits.norm == "rms + 1" and name.endswith("norm.weight")
