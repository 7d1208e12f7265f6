"""What a program reads otherwise than the model's tokenizer: noted where it is known, refused where it is not."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.export.gguf_vocabulary import vocabulary_metadata
from tasks.export.proof import SPACED, SPACELESS, UNCOMPOSED, ExportMismatch, _compare_ids
from tasks.models.vocabulary import Vocabulary
from tests.tasks.models.published import KINDS, LLAMA2_CONTROL, metaspace, sentencepiece_like
from tests.tasks.models.templates import CHATS


def notes(program: str, model: str, folder: Path) -> tuple[str, ...]:
    """With a program that reads texts as the tokenizer of the first kind does."""
    opened: Any = SimpleNamespace(encode=Vocabulary(KINDS[program].save(folder / "program")).encode, program="it")
    return _compare_ids(opened, Vocabulary(KINDS[model].save(folder / "model")))


def test_a_space_before_every_text_and_letters_that_are_not_composed_are_noted(tmp_path: Path) -> None:
    assert notes("llama2", "always", tmp_path / "1") == (f"it {SPACED}",)
    assert notes("qwen2", "qwen2", tmp_path / "2") == ()
    plain = Vocabulary(KINDS["qwen2"].save(tmp_path / "plain"))
    plain._codec.tokenizer.normalizer = None  # as llama.cpp has none
    opened: Any = SimpleNamespace(encode=plain.encode, program="it")
    assert _compare_ids(opened, Vocabulary(KINDS["qwen2"].save(tmp_path / "3"))) == (f"it {UNCOMPOSED}",)
    with pytest.raises(ExportMismatch, match="into other tokens"):
        notes("gemma", "llama2", tmp_path / "4")


def test_no_space_before_a_text_is_noted(tmp_path: Path) -> None:
    never = replace(
        KINDS["mistral"], build=lambda: sentencepiece_like(None, metaspace("never"), control=LLAMA2_CONTROL)
    )
    opened: Any = SimpleNamespace(encode=Vocabulary(never.save(tmp_path / "program")).encode, program="it")
    assert _compare_ids(opened, Vocabulary(KINDS["mistral"].save(tmp_path / "model"))) == (f"it {SPACELESS}",)


def test_llama_cpp_puts_a_beginning_and_spaces_where_the_models_turns_have_them(tmp_path: Path) -> None:
    stated = {}
    for name in ("llama2", "zephyr", "mistral", "gemma"):
        for template in (None, CHATS[name].template):
            folder = CHATS[name].kind.save(tmp_path / f"{name} {bool(template)}", template)
            metadata = vocabulary_metadata(folder, 520, (2,))
            fields = ("tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_space_prefix")
            stated[name, bool(template)] = tuple(metadata[field] for field in fields)
    assert stated["llama2", True] == stated["llama2", False] == stated["zephyr", False] == (True, True)
    assert stated["zephyr", True] == (False, True), "its turns begin without bos"
    assert (stated["mistral", False], stated["mistral", True]) == ((True, True), (True, False))
    assert stated["gemma", True] == stated["gemma", False] == (True, False)
