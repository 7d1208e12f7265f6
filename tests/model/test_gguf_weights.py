import random
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from gguf.constants import GGMLQuantizationType
from gguf.quants import dequantize, quantize

from model import gguf_weights
from model.decoder import Decoder, initialise
from model.depth import from_depth
from model.hub_config import WeightsError
from tests.model.shapes import decoder_of


def write(decoder: Decoder, file: Path, kind: GGMLQuantizationType = GGMLQuantizationType.F32) -> Path:
    """As llama.cpp's converter writes a decoder: query and key rows turned, matrices quantised."""
    shape = decoder.shape
    writer = GGUFWriter(file, shape.family)
    writer.add_context_length(shape.context)
    writer.add_block_count(shape.depth)
    writer.add_embedding_length(shape.width)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_feed_forward_length(shape.ffn_width)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_eos_token_id(0)
    for name, parameter in decoder.named_parameters():
        values = parameter.detach()
        if shape.family == "llama" and name.endswith(("to_q.weight", "to_k.weight")):
            values = values.unflatten(0, (-1, 2, shape.head_width // 2)).transpose(1, 2).flatten(0, 2)
        array = np.ascontiguousarray(values.numpy())
        whole = kind == GGMLQuantizationType.F32 or array.ndim < 2 or array.shape[1] % 32
        theirs = gguf_weights._name(shape.family, name)
        if whole:
            writer.add_tensor(theirs, array)
        else:
            writer.add_tensor(theirs, quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_a_gguf_file_loads_as_the_decoder_it_was_written_from(name: str, tmp_path: Path):
    decoder = decoder_of(name)
    loaded = gguf_weights.load(write(decoder, tmp_path / "model.gguf"))
    assert loaded.shape.model_copy(update={"norm_eps": decoder.shape.norm_eps}) == decoder.shape
    for (part, ours), theirs in zip(loaded.named_parameters(), decoder.parameters(), strict=True):
        assert torch.equal(ours, theirs), part


def test_a_quantised_matrix_gives_the_numbers_it_holds(tmp_path: Path):
    kind = GGMLQuantizationType.Q4_1
    shape = from_depth(1, vocabulary=64, context=32, family="llama", width=32)
    decoder = initialise(Decoder(shape), seed=0)
    loaded = gguf_weights.load(write(decoder, tmp_path / "model.gguf", kind))
    exact, read = decoder.blocks[0].mlp.to_up.weight.detach(), loaded.blocks[0].mlp.to_up.weight
    assert exact.shape[1] % 32 == 0 and not torch.equal(read, exact)
    assert torch.equal(read, torch.tensor(dequantize(quantize(exact.numpy(), kind), kind)))


def test_what_cannot_be_read_is_reported_with_a_fix(tmp_path: Path):
    (tmp_path / "text.gguf").write_text("not a model")
    with pytest.raises(WeightsError, match="not a GGUF file"):
        gguf_weights.load(tmp_path / "text.gguf")
    writer = GGUFWriter(tmp_path / "mamba.gguf", "mamba")
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), np.float32))
    for write_part in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write_part()
    writer.close()
    with pytest.raises(WeightsError, match=r"'mamba'.*only llama, qwen3"):
        gguf_weights.load(tmp_path / "mamba.gguf")


def test_each_damaged_file_loads_or_is_refused_with_a_fix(tmp_path: Path):
    shape = from_depth(1, vocabulary=64, context=32, family="llama", width=32)
    whole = write(initialise(Decoder(shape), seed=0), tmp_path / "whole.gguf", GGMLQuantizationType.Q4_1).read_bytes()
    head = whole.index(b"output_norm.weight")
    chance, file, outcomes = random.Random(0), tmp_path / "damaged.gguf", Counter[str]()
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            damaged[chance.randrange(head)] = chance.choice((0, 1, 8, 9, 127, 255, chance.randrange(256)))
        cut = chance.choice((len(whole), len(whole), chance.randrange(head), chance.randrange(len(whole))))
        file.write_bytes(damaged[:cut])
        try:
            gguf_weights.load(file)
            outcomes["loaded"] += 1
        except WeightsError as error:
            assert str(file) in error.what and error.cure
            outcomes["refused"] += 1
    assert outcomes["loaded"] > 10 and outcomes["refused"] > 100


@pytest.mark.parametrize(
    "value",
    [
        struct.pack("<IIQ", 9, 0, 1 << 60),  # an array of bytes that is larger than any file
        struct.pack("<IIQ", 9, 9, 1 << 60),  # of arrays
        struct.pack("<IIQ", 9, 8, 1 << 60),  # of texts
        struct.pack("<IQ", 8, 1 << 60),
        struct.pack("<I", 99),
    ],
)
def test_a_length_that_the_file_does_not_back_is_not_believed(value: bytes, tmp_path: Path):
    file = tmp_path / "long.gguf"
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"x" + value)
    with pytest.raises(WeightsError, match=r"damaged one \(at byte"):
        gguf_weights.load(file)
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60))
    with pytest.raises(WeightsError, match=r"damaged one \(at byte"):
        gguf_weights.load(file)
