"""Tokenizers of the kinds that published models have: their ids, and the bytes that come back from these."""

import json
import unicodedata
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from model.token_bytes import token_texts
from tasks.errors import UserError
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


def test_tokens_that_the_config_alone_adds_or_flags_are_read_as_transformers_reads_them(tmp_path: Path):
    from transformers import AutoTokenizer

    folder = KINDS["qwen2"].save(tmp_path)
    described = json.loads((folder / "tokenizer.json").read_text())
    size = max(token["id"] for token in described["added_tokens"]) + 1
    tokens = {size: ("<|new|>", True), size + 1: ("<plain>", False), 423: ("<tool_call>", True)}
    added = {str(id): {"content": name, "special": special} for id, (name, special) in tokens.items()}
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"added_tokens_decoder": added}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    vocabulary, theirs = Vocabulary(folder), AutoTokenizer.from_pretrained(folder)
    assert {*tokens} <= {*theirs.added_tokens_decoder} and vocabulary.size == size + 2
    for text in ("a <plain> b", "<think>c</think>"):
        assert vocabulary.encode(text) == theirs(text, add_special_tokens=False)["input_ids"]
    assert {"<|new|>", "<tool_call>"} <= vocabulary.specials.keys() and "<plain>" not in vocabulary.specials
    assert vocabulary.decode_bytes(vocabulary.encode("a <plain> <|new|> b")) == b"a <plain> <|new|> b"
    config["added_tokens_decoder"] = {str(size + 7): {"content": "<|new|>", "special": True}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"'<\|new\|>' has the id"):
        Vocabulary(folder)


def test_a_byte_level_tokenizer_that_puts_a_space_before_texts_gives_them_back_without_it(tmp_path: Path):
    folder = KINDS["gpt2"].save(tmp_path)
    described = json.loads((folder / "tokenizer.json").read_text())
    described["pre_tokenizer"]["add_prefix_space"] = True
    (folder / "tokenizer.json").write_text(json.dumps(described))
    vocabulary = Vocabulary(folder)
    ids = vocabulary.encode("The house")
    assert (
        vocabulary.decode_bytes(ids) == b"The house" and vocabulary.decode_bytes(ids, continues=True) == b" The house"
    )
    assert not vocabulary.gives_text_back


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "Lowercase"}},
        {"normalizer": {"type": "Strip", "strip_left": False, "strip_right": True}},
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"pre_tokenizer": None},
    ],
)
def test_a_tokenizer_that_does_not_give_a_plain_text_back_is_refused_with_both(change: dict, tmp_path: Path):
    folder = KINDS["gpt2"].save(tmp_path)
    described = json.loads((folder / "tokenizer.json").read_text()) | change
    (folder / "tokenizer.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match=r"its tokenizer gives .* back for the text"):
        Vocabulary(folder)


@pytest.mark.parametrize("kind", ["Unigram", "WordPiece", "WordLevel", "dropout", "end_of_word_suffix"])
def test_other_kinds_are_refused_by_name(kind: str, tmp_path: Path):
    folder = KINDS["gpt2"].save(tmp_path)
    described = json.loads((folder / "tokenizer.json").read_text())
    described["model"] |= {kind: 0.1} if kind == "dropout" else {kind: "</w>"} if "_" in kind else {"type": kind}
    (folder / "tokenizer.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match=f"{kind}; read are byte-level BPE"):
        Vocabulary(folder)


def test_older_files_alone_are_refused_with_how_to_write_the_new_one(tmp_path: Path):
    (tmp_path / "tokenizer.model").write_bytes(b"\n")
    with pytest.raises(UserError, match=r"no tokenizer\.json[\s\S]*save_pretrained"):
        Vocabulary(tmp_path)


def test_words_are_found_in_tokens_of_every_kind_of_tokenizer():
    unigram = {"model": {"type": "Unigram", "vocab": [["▁secret", -1.0], ["x", -2.0]]}, "added_tokens": []}
    pieces = {"model": {"vocab": {"##secret": 0}}, "added_tokens": [{"content": "<é>"}]}
    assert token_texts(unigram) == {" secret", "x"} and token_texts(pieces) == {"##secret", "secret", "<é>", "<\ufffd>"}
    letters = {"model": {"vocab": {"Ġsecret": 0, "Ã©": 1}}, "added_tokens": []}
    assert {" secret", "é"} <= token_texts(letters)
