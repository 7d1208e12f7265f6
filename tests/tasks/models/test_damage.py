"""Folders of weights and tokenizers that somebody else made, or damaged: each is read, or refused with a fix."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import load_file, save_file

from model import hub, hub_files
from model.hub_config import WeightsError
from model.token_bytes import byte_letters
from tasks.errors import UserError
from tasks.models.chat_template import answers_in_turns
from tasks.models.damage import reading
from tasks.models.gguf_tokenizer import save_tokenizer
from tasks.models.pretrained import check_weights, decoder_of
from tasks.models.provenance import provenance_of
from tasks.models.vocabulary import END_OF_TEXT, Vocabulary
from tests.model import shapes
from tests.tasks.models.byte_level import write_tokenizer

DEEP = "[" * 100_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole model, weights and tokenizer."""
    hub.save(shapes.decoder_of("llama"), tmp_path / "model")
    write_tokenizer(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_hidden_layers", 10**6, "num_hidden_layers"),
        ("max_position_embeddings", 10**12, "max_position_embeddings"),
        ("hidden_size", 10**30, "hidden_size"),
        ("num_attention_heads", 0, "num_attention_heads"),
        ("num_key_value_heads", 0, "num_key_value_heads"),
        ("rope_parameters", ["llama3"], "no table"),
        ("rope_parameters", {"rope_type": ["llama3"]}, "rotary positions"),
        ("rope_parameters", "yarn", "no table"),
        ("model_type", ["llama"], "model_type"),
        ("eos_token_id", "end", "no integers"),
        ("eos_token_id", {"a": 1}, "no integers"),
    ],
)
def test_a_config_beyond_reason_is_refused_by_the_name_of_its_field(folder: Path, name, value, message):
    config = json.loads((folder / hub_files.CONFIG).read_text())
    (folder / hub_files.CONFIG).write_text(json.dumps(config | {name: value}))
    for read in (decoder_of, lambda model: check_weights(model, vocabulary=61, context=32)):
        with pytest.raises(UserError, match=message) as refused:
            read(folder)
        assert refused.value.cure


@pytest.mark.parametrize("name", [hub_files.CONFIG, hub_files.GENERATION_CONFIG])
@pytest.mark.parametrize("content", [DEEP, "{" + '"a":{' * 100_000, "", "[]", "\ud800", "\0"])
def test_a_config_that_is_no_json_object_is_refused(folder: Path, name: str, content: str):
    (folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        decoder_of(folder)


@pytest.mark.parametrize("index", [[], {}, {"weight_map": []}, {"weight_map": {"x": 1}}, {"weight_map": {"x": [1]}}])
def test_an_index_without_a_table_of_files_is_refused(folder: Path, index):
    (folder / hub_files.SINGLE).rename(folder / "part.safetensors")
    (folder / hub_files.INDEX).write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"index\.json"):
        decoder_of(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(folder: Path, value: float):
    tensors = load_file(folder / hub_files.SINGLE)
    tensors["model.norm.weight"][3] = value
    save_file(tensors, folder / hub_files.SINGLE)
    with pytest.raises(WeightsError, match=r"model\.norm\.weight holds weights that are not finite"):
        hub.load(folder, torch.float32)


def vocabulary_of(folder: Path, text: str) -> Vocabulary:
    (folder / "tokenizer.json").write_text(text)
    return Vocabulary(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        DEEP,
        '{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {}, "merges": []}}',
        '{"version": "1.0", "model": {"vocab": {"a": 0}, "merges": []}}',
        '{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 4294967295}, "merges": []}}',
        '{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["b c"]}}',
    ],
)
def test_a_tokenizer_without_use_is_refused(tmp_path: Path, text: str):
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        vocabulary_of(tmp_path, text)


def test_a_damaged_tokenizer_is_read_or_refused(tmp_path: Path):
    write_tokenizer(tmp_path, (END_OF_TEXT,), ("added",))
    whole, chance, refused = (tmp_path / "tokenizer.json").read_text(), random.Random(0), 0
    compact = json.dumps(json.loads(whole))
    for _ in range(200):
        at = chance.randrange(len(compact))
        damaged = compact[:at] + chance.choice(["", "9", "null", "[]", '"', "{", "-", "\\"]) + compact[at + 1 :]
        try:
            vocabulary = vocabulary_of(tmp_path, damaged)
            vocabulary.encode("an added word, " * 3)
            vocabulary.special_ids  # noqa: B018
        except UserError:
            refused += 1
    assert 0 < refused < 200


def test_a_panic_in_rust_is_an_error_of_the_file():
    panic = type("PanicException", (BaseException,), {})
    message = r"tokenizer\.json: not a tokenizer \(PanicException: index out of bounds\)"
    with pytest.raises(UserError, match=message), reading(Path("tokenizer.json"), "not a tokenizer"):
        raise panic("index out of bounds")
    with pytest.raises(KeyboardInterrupt), reading(Path("tokenizer.json"), "not a tokenizer"):
        raise KeyboardInterrupt


def test_what_a_damaged_folder_says_of_itself_ends_nothing(folder: Path):
    (folder / "README.md").write_text(f"---\nlicense: {DEEP}\n---\n")
    assert provenance_of(folder).licence is None
    for name in ("tokenizer_config.json", "began_from.json"):
        before = (folder / name).read_text() if (folder / name).exists() else None
        (folder / name).write_text(DEEP)
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            (answers_in_turns if name.startswith("tokenizer") else provenance_of)(folder)
        (folder / name).write_text(before) if before else (folder / name).unlink()


def gguf(file: Path, **fields) -> Path:
    writer = GGUFWriter(file, "llama")
    letters = list(byte_letters())
    values = {"model": "gpt2", "pre": "gpt-2", "tokens": letters, "token_type": [1] * len(letters), "merges": ["a b"]}
    for name, value in (values | {"tokens": [*letters, "ab"], "token_type": [1] * 257} | fields).items():
        if isinstance(value, list):
            writer.add_array(f"tokenizer.ggml.{name}", value)
        elif isinstance(value, int):
            writer.add_uint32(f"tokenizer.ggml.{name}", value)
        elif value is not None:
            writer.add_string(f"tokenizer.ggml.{name}", value)
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), np.float32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return file


@pytest.mark.parametrize(
    "fields",
    [
        {"model": None},
        {"model": 7},
        {"merges": ["a b c"]},
        {"merges": ["not there"]},
        {"merges": [1, 2]},
        {"tokens": [1, 2]},
        {"tokens": "abc"},
        {"token_type": [1]},
        {"eos_token_id": 10**6},
        {"pre": 3},
    ],
)
def test_a_gguf_file_whose_tokenizer_is_damaged_is_refused(tmp_path: Path, fields):
    out = tmp_path / "out"
    out.mkdir()
    save_tokenizer(gguf(tmp_path / "whole.gguf"), out)
    assert Vocabulary(out).encode("ab") == [256]
    shutil.rmtree(out)
    out.mkdir()
    with pytest.raises(UserError, match=r"damaged\.gguf"):
        save_tokenizer(gguf(tmp_path / "damaged.gguf", **fields), out)
