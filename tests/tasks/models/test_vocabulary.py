"""A tokenizer folder: its special ids come from it and have no default, and every token has its bytes."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from model.chat_template import IM_END, IM_START
from tasks.errors import UserError
from tasks.models.pretrained import copy_tokenizer
from tasks.models.vocabulary import END_OF_TEXT, Vocabulary
from tests.tasks.models.byte_level import tokenizer_folder

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
LLAMA3 = "{{ m.content }}<|eot_id|>"


@pytest.mark.parametrize(
    ("specials", "eos", "template", "separator"),
    [
        ((END_OF_TEXT,), END_OF_TEXT, None, END_OF_TEXT),
        (("<s>", "</s>"), "</s>", None, "</s>"),
        (("<s>", "</s>"), {"content": "</s>", "lstrip": False}, None, "</s>"),
        (
            ("</s>", END_OF_TEXT),
            "</s>",
            None,
            "</s>",
        ),  # a special token of the usual name is not believed over the config
        ((END_OF_TEXT, IM_START, IM_END), IM_END, CHATML, END_OF_TEXT),  # the config of a chat model ends turns
        (("<|end_of_text|>", "<|eot_id|>"), "<|eot_id|>", LLAMA3, "<|end_of_text|>"),
        (("<s>", "</s>"), "</s>", "{{ m.content + eos_token }}", "</s>"),  # one token ends both
        ((END_OF_TEXT,), None, None, END_OF_TEXT),
    ],
)
def test_the_separator_is_what_ends_a_text_in_this_tokenizer(
    specials: tuple[str, ...], eos: Any, template: str | None, separator: str, tmp_path: Path
) -> None:
    folder = tokenizer_folder(tmp_path / "m", ("<filler>", *specials), eos=eos)
    if template:
        (folder / "chat_template.jinja").write_text(template)
    vocabulary = Vocabulary(folder)
    assert vocabulary.token(vocabulary.separator) == separator
    assert vocabulary.separator > 0 and vocabulary.special_ids.end == (vocabulary.separator,)
    assert vocabulary.special_ids.begin is None and vocabulary.special_ids.pad is None


def test_an_end_that_config_json_alone_names_goes_with_the_tokenizer(tmp_path: Path) -> None:
    folder = tokenizer_folder(tmp_path / "m", ("<a>", "<b>"), eos=None)
    with pytest.raises(UserError, match="names no token that ends a text") as raised:
        _ = Vocabulary(folder).separator
    assert "eos_token" in raised.value.cure
    id_of = Vocabulary(folder).specials["<b>"]
    (folder / "config.json").write_text(json.dumps({"eos_token_id": [id_of, 0]}))
    assert Vocabulary(folder).separator == id_of
    (tmp_path / "copy").mkdir()
    copy_tokenizer(folder, tmp_path / "copy")
    assert Vocabulary(tmp_path / "copy").separator == id_of


def test_added_tokens_that_are_not_special_have_their_bytes(tmp_path: Path) -> None:
    vocabulary = Vocabulary(tokenizer_folder(tmp_path / "m", (END_OF_TEXT,), ("    ", "  ", "\t\t", "<tool>", "é→")))
    text = "The  state    of\t\tthe <tool> Union: é→ <|endoftext|> é"
    ids = vocabulary.encode(text)
    assert vocabulary.decode_bytes(ids).decode() == text
    assert vocabulary.separator not in ids and len(ids) < len(text)
    assert vocabulary.decode_bytes([vocabulary.separator]) == b""


def test_ids_without_a_token_are_known_and_stand_for_no_bytes(tmp_path: Path) -> None:
    folder = tokenizer_folder(tmp_path / "m", (END_OF_TEXT,))
    described = json.loads((folder / "tokenizer.json").read_text())
    described["model"]["vocab"]["Ċ"] = 400  # a gap at the id that it had
    (folder / "tokenizer.json").write_text(json.dumps(described))
    vocabulary = Vocabulary(folder)
    gaps = vocabulary.ids_without_token(512)
    assert vocabulary.size == 401 and len(gaps) == 512 - 257
    assert {*range(401, 512)} < {*gaps} and not {400, vocabulary.separator} & {*gaps}
    assert vocabulary.decode_bytes([*gaps, 5000]) == b"" and vocabulary.decode_bytes([400]) == b"\n"


def metaspace(folder: Path) -> None:
    spm = Tokenizer(models.BPE({"▁": 0, "a": 1}, [], byte_fallback=True))
    spm.pre_tokenizer, spm.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    spm.save(str(folder / "tokenizer.json"))


def word_piece(folder: Path) -> None:
    Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("save", [metaspace, word_piece])
def test_a_tokenizer_of_another_kind_is_refused(save: Any, tmp_path: Path) -> None:
    save(tmp_path)
    with pytest.raises(UserError, match="read are byte-level BPE"):
        Vocabulary(tmp_path)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", "{", '{"model": 3}', "[" * 5000])
def test_a_folder_without_a_whole_tokenizer_is_refused(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        Vocabulary(tmp_path)
