"""The loss mask as it is shown: whole characters, one entry a token."""

from pathlib import Path

from datasets import Dataset

from tasks.finetune import masks
from tasks.models.vocabulary import SPECIALS
from tests.tasks.models.byte_level import write_tokenizer

ANSWER = {"role": "assistant", "content": "Où ça 🌊", "is_target": True}


def test_a_character_of_several_tokens_stands_whole_at_the_last_of_them(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    write_tokenizer(tmp_path / "weights", SPECIALS)
    rows = [{"messages": [{"role": "user", "content": "Ça?", "is_target": False}, ANSWER]}]
    Dataset.from_list(rows).save_to_disk(str(tmp_path / "rows" / "train"))
    (tokens,) = masks.show(tmp_path / "rows", tmp_path / "weights", 1, 64)
    texts = [text for text, _ in tokens]
    assert "".join(texts) == "<|user|>Ça?<|end|><|assistant|>Où ça 🌊<|end|>"
    assert texts.count("") == 6 and "\ufffd" not in "".join(texts)
    assert str(masks.painted(tokens, brackets=True)) == "<|user|>Ça?<|end|><|assistant|>⟦Où ça 🌊<|end|>⟧"
