"""Tokenizers of the kinds that published models have: their ids, and the bytes that come back from these."""

import json
import unicodedata
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from tasks.models.vocabulary import Vocabulary
from tests.tasks.models.published import KINDS, NASTY


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("published")
    return {name: kind.save(root / name) for name, kind in KINDS.items()}


@pytest.mark.parametrize("name", KINDS)
def test_ids_are_those_of_tokenizers_itself_where_no_text_is_a_special_token(name: str, folders: dict[str, Path]):
    vocabulary, theirs = Vocabulary(folders[name]), Tokenizer.from_file(str(folders[name] / "tokenizer.json"))
    theirs.encode_special_tokens = True
    swallowing = {"phi3": "</s>", "phi4": "<|fim|>", "gemma": "_of_turn>"}.get(name, "-")
    texts = [text.replace(swallowing, "") for text in NASTY]
    assert vocabulary.encode_ordinary(texts) == [theirs.encode(text, add_special_tokens=False).ids for text in texts]
    ids = {id for text in NASTY for id in vocabulary.encode(text)}
    assert not ids & {*vocabulary.specials.values()}


@pytest.mark.parametrize("name", KINDS)
def test_every_byte_comes_back_but_for_what_the_tokenizer_itself_changes(name: str, folders: dict[str, Path]):
    vocabulary = Vocabulary(folders[name])
    assert vocabulary.gives_text_back == (name in ("gpt2", "llama3", "smollm2", "olmo2", "phi4"))
    for text in NASTY:
        wanted = unicodedata.normalize("NFC", text) if name == "qwen2" else text
        if name in ("mistral", "always"):
            wanted = wanted.removeprefix(" ")  # a text that begins with a space gets no other: the two look alike
        assert vocabulary.decode_bytes(vocabulary.encode(text)).decode() == wanted, text


@pytest.mark.parametrize("name", KINDS)
def test_tokens_one_by_one_are_the_text_as_it_goes_on(name: str, folders: dict[str, Path]):
    vocabulary = Vocabulary(folders[name])
    text = "The house stands\n on the  hill 日本"
    ids = vocabulary.encode(text)
    for cut in range(1, len(ids)):
        before = vocabulary.decode_bytes(ids[:cut])
        one_by_one = b"".join(vocabulary.decode_bytes([id], continues=True) for id in ids[cut:])
        assert before + one_by_one == before + vocabulary.decode_bytes(ids[cut:], continues=True) == text.encode()


@pytest.mark.parametrize("name", KINDS)
def test_a_text_begins_as_the_authors_tokenizer_begins_it(name: str, folders: dict[str, Path]):
    from transformers import AutoTokenizer

    vocabulary, theirs = Vocabulary(folders[name]), AutoTokenizer.from_pretrained(folders[name])
    assert vocabulary.encode_documents(["The hill"]) == [theirs("The hill")["input_ids"]]
    assert vocabulary.begin == (theirs("The hill")["input_ids"][0] if KINDS[name].bos else vocabulary.separator)


def test_a_config_that_adds_a_beginning_is_believed_over_the_post_processor(folders: dict[str, Path], tmp_path: Path):
    for adds, bos in ((True, ("<s>",)), (False, ())):
        folder = KINDS["mistral"].save(tmp_path / str(adds))
        config = json.loads((folder / "tokenizer_config.json").read_text()) | {"add_bos_token": adds}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        vocabulary = Vocabulary(folder)
        assert vocabulary.bos == tuple(vocabulary.specials[name] for name in bos)


def test_a_text_in_which_a_token_was_added_comes_back_without_the_spaces_that_follow_it(folders: dict[str, Path]):
    for name, text in (("phi3", "a <h1>b"), ("always", "a<tool>b <tool><tool>c"), ("gemma", "a\n\nb <h1> c\n\n\n d")):
        vocabulary = Vocabulary(folders[name])
        assert vocabulary.decode_bytes(vocabulary.encode(text)).decode() == text
