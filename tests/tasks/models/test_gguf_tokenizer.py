"""Tokenizers in GGUF files: the ids that llama.cpp gives with the same file."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter
from tokenizers import Tokenizer, normalizers, pre_tokenizers

from tasks.errors import UserError
from tasks.export.gguf_vocabulary import vocabulary_metadata
from tasks.export.llama_cpp import OpenedByLlamaCpp
from tasks.models.gguf_pre_splits import LLAMA_CPP_PRE_SPLITS, build_pre_tokenizer, name_of
from tasks.models.gguf_tokenizer import save_tokenizer
from tasks.models.vocabulary import Vocabulary
from tests.tasks.models.published import (
    GEMMA_CONTROL,
    GPT2,
    KINDS,
    LLAMA2_CONTROL,
    LLAMA3,
    NASTY,
    PREPEND,
    byte_level,
    sentencepiece_like,
    split,
)

WIDTH = 32
LETTERS = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
ONE_OF_EACH = ("llama-bpe", "dbrx", "qwen2", "gpt-2", "olmo", "smollm", "tekken", "gpt-4o", "default")
TEXTS = [*NASTY, "one  two\n \n  three1234567 !!?? <tool>x</tool> $5+3=8 ^|"]


def write_model(file: Path, tokens: list[str], types: list[int], **fields: Any) -> Path:
    """A llama of one block with that vocabulary."""
    writer = GGUFWriter(file, "llama")
    for name, value in {"context_length": 512, "block_count": 1, "embedding_length": WIDTH}.items():
        writer.add_uint32(f"llama.{name}", value)
    for name, value in {"feed_forward_length": WIDTH, "attention.head_count": 2, "rope.dimension_count": 16}.items():
        writer.add_uint32(f"llama.{name}", value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    fields = {"tokens": tokens, "token_type": types, **fields}
    for name, value in fields.items():
        key = f"tokenizer.ggml.{name}"
        if isinstance(value, list):
            writer.add_array(key, value)
        else:
            {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32}[type(value)](key, value)
    square = np.zeros((WIDTH, WIDTH), np.float32)
    names = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    tensors = {f"blk.0.{name}.weight": square for name in names}
    tensors |= {f"{name}.weight": square[0] for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")}
    for name, tensor in (tensors | {"token_embd.weight": np.zeros((len(tokens), WIDTH), np.float32)}).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def read_by_both(file: Path, folder: Path) -> tuple[Vocabulary, list[list[int]], list[list[int]]]:
    """The vocabulary, and the ids of TEXTS by it and by llama.cpp."""
    folder.mkdir()
    save_tokenizer(file, folder)
    vocabulary = Vocabulary(folder)
    with closing(OpenedByLlamaCpp(file, 64, 1)) as opened:
        return vocabulary, vocabulary.encode_ordinary(TEXTS), [opened.encode(text) for text in TEXTS]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_byte_level_ids_equal_llama_cpps_under_each_kind_of_pre_split(name: str, tmp_path: Path) -> None:
    pre_split = LLAMA_CPP_PRE_SPLITS[name]
    before = build_pre_tokenizer(pre_split)
    trained = byte_level()
    trained.pre_tokenizer = before
    model = json.loads(trained.to_str())["model"]
    tokens = [*sorted(model["vocab"], key=model["vocab"].get), "<|end|>", "<|start|>", "<tool>"]
    types = [NORMAL] * (len(tokens) - 3) + [CONTROL, CONTROL, USER_DEFINED]
    fields = {"model": "gpt2", "pre": name, "merges": [" ".join(pair) for pair in model["merges"]]}
    ids = {"eos_token_id": len(tokens) - 3, "bos_token_id": len(tokens) - 2}
    file = write_model(tmp_path / "m.gguf", tokens, types, **fields, **ids)
    vocabulary, ours, theirs = read_by_both(file, tmp_path / "tokenizer")
    for text, own, other in zip(TEXTS, ours, theirs, strict=True):
        assert own == other, text
    assert vocabulary.bos == ((ids["bos_token_id"],) if pre_split.begins else ())
    assert {*vocabulary.specials} == {"<|end|>", "<|start|>"} and vocabulary.encode("<tool>") == [len(tokens) - 1]


def sentencepiece_fields(tokenizer: Tokenizer, control: tuple[str, ...]) -> dict[str, Any]:
    """Tokens, types and scores: less the place at which a token is made."""
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    place = {"".join(pair): number for number, pair in reversed([*enumerate(model["merges"])])}
    types = [CONTROL if token in control else BYTE if token.startswith("<0x") else NORMAL for token in tokens]
    types[tokens.index("<unk>")] = UNKNOWN
    return {"tokens": tokens, "types": types, "scores": [-float(place.get(token, 1e4)) for token in tokens]}


@pytest.mark.parametrize("name", ["llama2", "gemma"])
def test_sentencepiece_ids_equal_llama_cpps_and_those_of_the_merges_it_was_made_from(name: str, tmp_path: Path) -> None:
    if name == "llama2":
        control, original = LLAMA2_CONTROL, sentencepiece_like(PREPEND, control=LLAMA2_CONTROL)
        ids = {}
    else:
        control, plain = GEMMA_CONTROL, normalizers.Replace(" ", "▁")
        original = sentencepiece_like(plain, pre_tokenizers.Split(" ", "merged_with_previous"), 0, GEMMA_CONTROL)
        ids = {"padding_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "unknown_token_id": 3}
        ids["add_space_prefix"] = False
    fields = sentencepiece_fields(original, control)
    fields["tokens"].append("<tool>")
    fields["types"].append(USER_DEFINED)
    fields["scores"].append(0.0)
    file = write_model(tmp_path / "m.gguf", **fields, model="llama", **ids)
    vocabulary, ours, theirs = read_by_both(file, tmp_path / "tokenizer")
    for text, own, other in zip(TEXTS, ours, theirs, strict=True):
        assert own == other, text
        assert "<tool>" in text or own == original.encode(text, add_special_tokens=False).ids
        assert vocabulary.decode_bytes(own).decode() == text
    assert vocabulary.bos == (ids.get("bos_token_id", 1),)
    assert {*vocabulary.specials} == {*control}


@pytest.mark.parametrize("name", ["gpt2", "llama3", "olmo2", "phi4", "llama2", "phi3"])
def test_a_tokenizer_that_is_written_into_a_file_comes_back_from_it(name: str, tmp_path: Path) -> None:
    before = Vocabulary(KINDS[name].save(tmp_path / "before"))
    metadata = vocabulary_metadata(before.folder, 520, (before.separator,))
    fields = {key.removeprefix("tokenizer.ggml."): value for key, value in metadata.items()}
    file = write_model(tmp_path / "m.gguf", fields.pop("tokens"), fields.pop("token_type"), **fields)
    (tmp_path / "after").mkdir()
    save_tokenizer(file, tmp_path / "after")
    after = Vocabulary(tmp_path / "after")
    assert after.encode_ordinary(NASTY) == before.encode_ordinary(NASTY)
    assert (after.bos, after.separator, after.specials) == (before.bos, before.separator, before.specials)
    assert after.ids_without_token(520) == before.ids_without_token(520)


def test_a_kind_or_a_pre_split_that_is_not_read_is_refused_by_name(tmp_path: Path) -> None:
    for fields, reason in (({"model": "t5"}, "'t5'; read are gpt2"), ({"model": "gpt2", "pre": "own"}, "'own'; known")):
        file = write_model(tmp_path / "m.gguf", ["a"], [NORMAL], merges=["a b"], **fields)
        with pytest.raises(UserError, match=reason):
            save_tokenizer(file, tmp_path)


def test_every_kind_of_pre_split_has_a_name_of_its_own_however_it_is_written() -> None:
    first = {}
    for name, pre_split in LLAMA_CPP_PRE_SPLITS.items():
        assert name_of(build_pre_tokenizer(pre_split), pre_split.ignores_merges) == first.setdefault(pre_split, name)
    assert name_of(pre_tokenizers.Sequence([pre_tokenizers.Digits(True), split(GPT2), LETTERS]), False) == "smollm"
    possessive = LLAMA3.replace("]+[", "]++[").replace("]?", "]?+")
    assert name_of(pre_tokenizers.Sequence([split(possessive), LETTERS]), True) == "llama-bpe"
    assert name_of(pre_tokenizers.Sequence([split(r"\s+"), LETTERS]), False) is None
