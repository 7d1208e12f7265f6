"""What a network takes, beside the network itself: its parameters, what it keeps for training, an exported file."""

import pytest
import torch

from model.cross_entropy import ROWS_ON_CPU
from model.decoder import Decoder, initialise
from model.depth import flops_per_token
from model.family import Shape
from model.footprint import (
    FLOAT32,
    LOSS_ROWS,
    activation_bytes,
    forward_flops,
    kv_cache_bytes,
    tensor_kinds,
    training_bytes,
    weight_bytes,
)
from model.gguf_file import save
from model.gguf_header import open_gguf
from tests.model.shapes import SHAPES

TOKENS = 256


def larger(name: str) -> Shape:
    """The shape of that name at sizes that count."""
    shape = SHAPES[name]
    sizes = {"width": 64, "head_width": 16, "ffn_width": 160, "context": 512, "depth": 4, "vocabulary": 64}
    return Shape.model_validate(shape.model_dump() | sizes | {"window": None, "unrotated_blocks": ()})


def kept_bytes(shape: Shape) -> int:
    """What torch keeps of a forward pass, without the parameters and the loss."""
    decoder = initialise(Decoder(shape), seed=0)
    own = {parameter.data_ptr() for parameter in decoder.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        states = decoder(torch.zeros(1, TOKENS, dtype=torch.long))
    assert states.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("name", SHAPES)
def test_the_tensors_are_those_of_the_network(name: str):
    shape = SHAPES[name]
    parameters = sum(parameter.numel() for parameter in Decoder(shape).parameters())
    assert sum(kind.parameters for kind in tensor_kinds(shape)) == shape.parameters == parameters
    assert weight_bytes(shape, "f32") == 4 * parameters and training_bytes(shape) == 16 * parameters


@pytest.mark.parametrize("name", SHAPES)
def test_training_keeps_what_is_foreseen(name: str):
    shape = larger(name)
    loss = FLOAT32 * min(LOSS_ROWS, TOKENS) * shape.vocabulary
    assert activation_bytes(shape, TOKENS) - loss == pytest.approx(kept_bytes(shape), rel=0.1)
    assert LOSS_ROWS == ROWS_ON_CPU


def test_a_forward_pass_takes_a_third_of_training_and_a_window_spares_attention():
    llama = SHAPES["llama"]
    assert forward_flops(llama) == pytest.approx(flops_per_token(llama) / 3)
    windowed = SHAPES["mistral"]
    assert forward_flops(windowed) == forward_flops(windowed, position=7) > forward_flops(windowed, position=1)


def test_a_cache_holds_a_windows_keys_and_values_only():
    shape = SHAPES["qwen2 windowed"]  # block 0 sees all, block 1 five tokens
    assert kv_cache_bytes(shape, 32) == 2 * 2 * shape.kv_heads * shape.head_width * (32 + 5)


@pytest.mark.parametrize("quant", ["q8_0", "q4_0"])
@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2"])
def test_a_quantised_file_is_as_large_as_foreseen(name: str, quant: str, tmp_path):
    shape = larger(name)
    save(initialise(Decoder(shape), seed=0), tmp_path / "model.gguf", quant, {})
    tensors = open_gguf(tmp_path / "model.gguf").tensors.values()
    assert sum(tensor.data.nbytes for tensor in tensors) == weight_bytes(shape, quant)
