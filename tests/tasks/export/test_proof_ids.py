"""What a program reads otherwise than the model's tokenizer: noted where it is known, refused where it is not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.export.proof import SPACED, UNCOMPOSED, ExportMismatch, _compare_ids
from tasks.models.vocabulary import Vocabulary
from tests.tasks.models.published import KINDS


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
