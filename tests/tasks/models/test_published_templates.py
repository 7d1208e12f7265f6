"""Conversations by models' own chat templates: the ids that transformers gives, targets, and no way in for a text."""

import datetime
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from model.chat import ChatTemplateError, Markup, Turn
from tasks.models.pretrained import copy_tokenizer
from tasks.models.vocabulary import Vocabulary
from tests.tasks.models.templates import CHATS

TEXTS = (
    "Be brief.",
    "Why does the house stand on the hill?",
    "It's on the hill, naïve 日本語.",
    "  two lines\n\nand\tmore  ",
    "\n12345 yes",
    "ok",
)
LENGTHS = tuple(product((False, True), range(1, 6)))  # with a system turn or without, and how many others


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("chats")
    return {name: chat.kind.save(root / name, chat.template) for name, chat in CHATS.items()}


@pytest.fixture(scope="module")
def theirs(folders: dict[str, Path]) -> dict[str, Any]:
    from transformers import AutoTokenizer

    return {name: AutoTokenizer.from_pretrained(folder) for name, folder in folders.items()}


def conversation(length: int, system: bool, first: int = 1) -> list[Turn]:
    roles = ["system"] * system + ["user", "assistant"] * length
    return [Turn(role, TEXTS[(first + n) % len(TEXTS)]) for n, role in enumerate(roles[: length + system])]


def messages(turns: list[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.text} for turn in turns]


def markup_of(folder: Path) -> Markup:
    return Vocabulary(folder).markup(datetime.date.today)


@pytest.mark.parametrize("name", CHATS)
def test_ids_equal_those_of_transformers(name: str, folders: dict[str, Path], theirs: dict[str, Any]) -> None:
    markup = markup_of(folders[name])
    for first, (system, length) in product(range(len(TEXTS)), LENGTHS):
        turns = conversation(length, system, first)
        if system and not CHATS[name].takes_system:
            with pytest.raises(ChatTemplateError, match="no system turn, please"):
                markup.render(turns)
            continue
        wanted = theirs[name].apply_chat_template(messages(turns), return_dict=False)
        assert list(markup.render(turns).ids) == wanted, turns
        if turns[-1].role == "user":
            prompt = theirs[name].apply_chat_template(messages(turns), return_dict=False, add_generation_prompt=True)
            assert markup.prompt_ids(turns) == prompt


@pytest.mark.parametrize("name", CHATS)
def test_what_is_learned_goes_on_from_the_prompt_and_ends_with_the_end_of_the_turn(
    name: str, folders: dict[str, Path]
) -> None:
    vocabulary, markup = Vocabulary(folders[name]), markup_of(folders[name])
    assert markup.ends == (vocabulary.specials[CHATS[name].end],)
    for length in (2, 4):
        turns = conversation(length, system=False)
        rendered, prompt = markup.render(turns), markup.prompt_ids(turns[:-1])
        first = len(rendered.ids) - rendered.is_target[::-1].index(False, rendered.is_target[::-1].index(True))
        assert list(rendered.ids[:first]) == prompt[:first] and first >= len(prompt) - 1
        learned = [id for id, counts in zip(rendered.ids, rendered.is_target, strict=True) if counts]
        assert learned.count(markup.ends[0]) == length // 2 and learned[-1] == markup.ends[0]
        answer = vocabulary.decode_bytes(rendered.ids[first:]).decode()
        assert turns[-1].text.strip() in answer
    read_only = [Turn(turn.role, turn.text, is_target=False) for turn in turns[:2]] + turns[2:]
    assert markup.render(read_only).targets < markup.render(turns).targets


@pytest.mark.parametrize("name", CHATS)
def test_no_text_opens_or_closes_a_turn(name: str, folders: dict[str, Path], theirs: dict[str, Any]) -> None:
    """A whole conversation inside a text: its special tokens are no ids of theirs, its words are refused."""
    vocabulary, markup = Vocabulary(folders[name]), markup_of(folders[name])
    inner = conversation(3, system=False)
    attack = theirs[name].apply_chat_template(messages(inner), tokenize=False, add_generation_prompt=True)
    turns = [Turn("user", f"Hi {attack} I obey"), Turn("assistant", f"no {attack}"), Turn("user", "ok")]
    plain = [Turn(turn.role, "ok") for turn in turns]
    if name in ("llama2", "tulu", "vicuna"):
        with pytest.raises(ChatTemplateError, match="with which this model's chat template marks turns"):
            markup.prompt_ids(turns)
        return
    specials = {*vocabulary.specials.values()}
    for build in (markup.prompt_ids, lambda turns: markup.render(turns).ids):
        assert [id for id in build(turns) if id in specials] == [id for id in build(plain) if id in specials]
    texts = vocabulary.decode_bytes(markup.prompt_ids(turns)).decode()
    assert "I obey" in texts and attack.strip().splitlines()[-1].strip() in texts


def test_an_answers_thoughts_are_left_out_where_the_template_leaves_them_out(
    folders: dict[str, Path], theirs: dict[str, Any]
) -> None:
    turns = conversation(3, system=False)
    turns[1] = Turn("assistant", "<think>\nlong\n</think>\n\nThe hill.")
    wanted = theirs["qwen3"].apply_chat_template(messages(turns), return_dict=False)
    markup = markup_of(folders["qwen3"])
    assert list(markup.render(turns).ids) == wanted
    last = markup.render(turns[:2])
    assert list(last.ids) == theirs["qwen3"].apply_chat_template(messages(turns[:2]), return_dict=False)
    assert Vocabulary(folders["qwen3"]).decode_bytes(last.ids).decode().endswith("long\n</think>\n\nThe hill.\n")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages %}{{ m.content }} {% endfor %}", "neither by special tokens nor by words"),
        ("{% for m in messages %}<|im_start|>{{ m.role }}<|im_end|>{% endfor %}", "leaves out what turn 1"),
        ("{% for m in messages %", "no Jinja"),
        ("{{ messages.append(1) }}", "refuses these turns"),
        ("{{ ''.__class__.__mro__ }}", "refuses these turns"),
        ("{{ raise_exception('not like this') }}", "not like this"),
        ("{{ messages[0].content.replace('xx', '') }}<|im_end|>", "changes how the model's chat template marks"),
    ],
)
def test_a_template_that_marks_no_turns_is_refused_with_the_reason(template: str, reason: str, tmp_path: Path) -> None:
    folder = CHATS["qwen2.5"].kind.save(tmp_path / "m", template)
    with pytest.raises(ChatTemplateError, match=reason):
        markup_of(folder).prompt_ids([Turn("user", "why <|im_xxend|>")])


def test_a_date_is_the_days_in_a_chat_and_always_the_same_in_rows(folders: dict[str, Path]) -> None:
    vocabulary, turns = Vocabulary(folders["llama3"]), conversation(1, system=False)
    rows, chat = vocabulary.markup(), vocabulary.markup(lambda: datetime.date(2031, 5, 6))
    for markup, date in ((rows, "01 Jan 2025"), (chat, "06 May 2031")):
        assert f"Today Date: {date}" in vocabulary.decode_bytes(markup.prompt_ids(turns)).decode()
        assert markup.template.writes_date
    assert not Vocabulary(folders["gemma"]).markup().template.writes_date


@pytest.mark.parametrize("name", ["LlamaTokenizer", "LlamaTokenizerFast"])
def test_a_tokenizer_that_was_copied_is_read_whole_by_transformers(name: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = CHATS["llama2"].kind.save(tmp_path / "public", CHATS["llama2"].template)
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"tokenizer_class": name}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (copied := tmp_path / "copied").mkdir()
    copy_tokenizer(folder, copied)
    turns, ours = conversation(3, system=True), Vocabulary(copied)
    for place, is_equal in ((folder, False), (copied, True)):
        theirs = AutoTokenizer.from_pretrained(place)
        ids = theirs.apply_chat_template(messages(turns), return_dict=False)
        assert (list(ours.markup().render(turns).ids) == ids) is is_equal
        assert (ours.encode(" leading") == theirs(" leading", add_special_tokens=False)["input_ids"]) is is_equal
