import random
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize

from model import ggml, gguf_file, gguf_weights
from model.decoder import Decoder, initialise
from model.depth import from_depth
from model.family import RopeScaling
from model.gguf_header import open_gguf
from model.gguf_rope import stretch_factors, stretch_of
from model.hub_config import WeightsError
from tests.model.shapes import SHAPES, decoder_of, scrambled


def write(decoder: Decoder, file: Path, quant: str = "f32") -> Path:
    """A file without a tokenizer."""
    gguf_file.save(decoder, file, quant, {"tokenizer.ggml.eos_token_id": 0})
    return file


FIXED = {  # what llama.cpp's networks of these names fix in their code
    "smollm3": {"unrotated_blocks": ()},
    "gemma": {"tied": True},
    "gemma2": {"attention_multiplier": 10**-0.5, "tied": True},
    "gemma3": {"attention_multiplier": 8**-0.5},
    "olmo2": {"head_width": 6},
    "phi3 partly rotated": {"head_width": 6, "rotated_share": 2 / 3},
}
READ_AS = {"mistral": {"family": "llama", "context": 7, "window": None}, "phi3": {"context": 9, "window": None}}
READ_AS |= {"qwen2 windowed": {"context": 5, "window": None, "global_blocks": ()}}  # the context ends at the window


@pytest.mark.parametrize("name", SHAPES)
def test_a_gguf_file_loads_as_the_decoder_it_was_written_from(name: str, tmp_path: Path):
    shape = SHAPES[name].model_copy(update=FIXED.get(name, {}))
    decoder = scrambled(Decoder(shape))
    loaded = gguf_weights.load(write(decoder, tmp_path / "model.gguf"))
    assert loaded.shape == shape.model_copy(update=READ_AS.get(name, {}))
    for (part, ours), theirs in zip(loaded.named_parameters(), decoder.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-7), part  # Gemma's gains are written as 1 + weight


@pytest.mark.parametrize("name", FIXED)
def test_what_llama_cpp_computes_otherwise_is_refused_by_name(name: str, tmp_path: Path):
    field = next(iter(FIXED[name]))
    with pytest.raises(WeightsError, match=field):
        write(decoder_of(name), tmp_path / "model.gguf")


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q5_0", "Q8_0", "Q4_K", "Q5_K", "Q6_K"])
def test_a_quantised_matrix_gives_the_numbers_it_holds(kind: str):
    matrix = torch.randn(3, 512, generator=torch.Generator().manual_seed(0)).numpy()
    stored = ggml.quantize(matrix, GGMLQuantizationType[kind])
    read = dequantize(stored, GGMLQuantizationType[kind])
    step = 2 * np.abs(matrix).max() / 2 ** int(kind[1])
    assert 0 < np.abs(read - matrix).max() < 1.1 * step
    if kind in ("Q4_0", "Q4_1", "Q5_0", "Q8_0"):
        assert np.array_equal(stored, quantize(matrix, GGMLQuantizationType[kind]))


@pytest.mark.parametrize("quant", ["f16", "q8_0", "q4_0", "q4_k_m"])
def test_matrices_are_quantised_and_vectors_are_not(quant: str, tmp_path: Path):
    shape = from_depth(9, vocabulary=64, context=32, family="llama", width=256)
    decoder = initialise(Decoder(shape.model_copy(update={"ffn_width": 512})), seed=0)
    file = write(decoder, tmp_path / "model.gguf", quant)
    loaded = gguf_weights.load(file)
    kinds = {tensor.name: tensor.tensor_type.name for tensor in open_gguf(file).tensors.values()}
    assert {kind for name, kind in kinds.items() if "norm" in name} == {"F32"}
    assert kinds["blk.4.ffn_up.weight"] == {"f16": "F16", "q8_0": "Q8_0", "q4_0": "Q4_0", "q4_k_m": "Q4_K"}[quant]
    if quant == "q4_k_m":
        more = [number for number in range(9) if kinds[f"blk.{number}.ffn_down.weight"] == "Q6_K"]
        assert more == [0, 3, 6, 7, 8] and kinds["output.weight"] == "Q6_K"
    worst = max(
        float((a - b).detach().abs().max())
        for a, b in zip(loaded.parameters(), decoder.parameters(), strict=True)
        if a.dim() > 1
    )
    assert 0 < worst < 0.05


@pytest.mark.parametrize(
    "scaling", [RopeScaling(factor=32.0), RopeScaling(high_freq_factor=6.0, original_context=4096)]
)
def test_a_stretching_is_read_from_its_factors(scaling: RopeScaling):
    shape = from_depth(1, vocabulary=64, context=32, family="llama", width=256)
    shape = shape.model_copy(update={"head_width": 64, "rope_theta": 5e5, "rope_scaling": scaling})
    factors = stretch_factors(shape)
    assert factors is not None and len(factors.unique()) > 1
    read = stretch_of(factors, shape, "a file")
    assert torch.allclose(stretch_factors(shape.model_copy(update={"rope_scaling": read})), factors, rtol=1e-4)
    with pytest.raises(WeightsError, match="another way than Llama"):
        stretch_of(factors.flip(0), shape, "a file")


def test_what_cannot_be_read_is_reported_with_a_fix(tmp_path: Path):
    (tmp_path / "text.gguf").write_text("not a model")
    with pytest.raises(WeightsError, match="not a GGUF file"):
        gguf_weights.load(tmp_path / "text.gguf")
    writer = GGUFWriter(tmp_path / "mamba.gguf", "mamba")
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), np.float32))
    for write_part in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write_part()
    writer.close()
    with pytest.raises(WeightsError, match=r"'mamba'.*only gemma, .*, qwen3"):
        gguf_weights.load(tmp_path / "mamba.gguf")


def test_each_damaged_file_loads_or_is_refused_with_a_fix(tmp_path: Path):
    shape = from_depth(1, vocabulary=64, context=32, family="llama", width=32)
    whole = write(initialise(Decoder(shape), seed=0), tmp_path / "whole.gguf", "q4_0").read_bytes()
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
