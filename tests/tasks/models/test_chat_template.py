"""Whether a model answers in turns is read from its folder, whatever the folder is called and wherever it lies."""

import json
import shutil
from pathlib import Path

import pytest

from model.chat import Turn
from model.chat_template import IM_END, IM_START
from tasks.errors import UsageError
from tasks.models.chat_template import answers_in_turns, write_chat_template
from tasks.models.prompting import prompt_builder
from tasks.models.vocabulary import END_OF_TEXT, SPECIALS, Vocabulary
from tests.tasks.models.byte_level import tokenizer_folder
from tests.tasks.models.published import KINDS

TURNS = [Turn("system", "Be brief."), Turn("user", " Why?\n"), Turn("assistant", "So."), Turn("user", "<|end|> ok")]


@pytest.mark.parametrize("specials", [SPECIALS, (END_OF_TEXT, IM_START, IM_END)])
def test_the_written_template_renders_the_ids_that_training_rendered(tmp_path: Path, specials: tuple[str, ...]) -> None:
    from transformers import AutoTokenizer

    folder = tokenizer_folder(tmp_path / "weights", specials)
    write_chat_template(folder)
    theirs, ours = AutoTokenizer.from_pretrained(folder, local_files_only=True), Vocabulary(folder)
    messages = [{"role": turn.role, "content": turn.text} for turn in TURNS[:3]]
    ids = ours.markup().render(TURNS[:3]).ids
    assert list(ids) == theirs.apply_chat_template(messages, return_dict=False)
    prompt = theirs.apply_chat_template(messages[:2], add_generation_prompt=True, return_dict=False)
    assert ours.markup().prompt_ids(TURNS[:2]) == prompt


@pytest.mark.parametrize("kind", ["llama3", "gemma"])
def test_a_base_of_a_public_family_gets_the_turns_of_its_chat_models(kind: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = KINDS[kind].save(tmp_path)
    markup = Vocabulary(folder).markup()
    write_chat_template(folder)
    theirs, after = AutoTokenizer.from_pretrained(folder, local_files_only=True), Vocabulary(folder)
    messages = [{"role": turn.role, "content": turn.text} for turn in TURNS[:3]]
    assert list(markup.render(TURNS[:3]).ids) == theirs.apply_chat_template(messages, return_dict=False)
    assert markup.ends == after.markup().ends == (after.specials[{"llama3": "<|eot_id|>"}.get(kind, "<end_of_turn>")],)
    assert markup.marks - {after.begin, after.separator} == markup.marks - {*after.bos}


def test_a_copied_instruct_model_is_prompted_in_turns_and_a_base_model_continues(tmp_path: Path) -> None:
    base = tokenizer_folder(tmp_path / "store" / "finetune" / "instruct" / "weights", SPECIALS)
    vocabulary = Vocabulary(base)
    ids, _ = prompt_builder("any-instruct@champion", base).of_turns(TURNS)
    assert ids == [vocabulary.specials[END_OF_TEXT], *vocabulary.encode(TURNS[-1].text)], (
        "neither a name nor a path makes it answer"
    )
    copy = shutil.copytree(base, tmp_path / "exported")
    write_chat_template(copy)
    builder = prompt_builder("exported", copy)
    ids, stop = builder.of_turns(TURNS)
    assert ids == builder.vocabulary.markup().prompt_ids(TURNS)
    assert stop == {builder.vocabulary.specials["<|end|>"], builder.vocabulary.specials[END_OF_TEXT]}


def test_a_public_chat_model_in_a_folder_answers_and_unknown_turns_are_refused(tmp_path: Path) -> None:
    public = tokenizer_folder(tmp_path / "public", (END_OF_TEXT, IM_START, IM_END))
    config = json.loads((public / "tokenizer_config.json").read_text())
    (public / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": "{{ messages }}"}))
    assert answers_in_turns(public) and prompt_builder("public", public).answers
    other = tokenizer_folder(tmp_path / "other", (END_OF_TEXT, "[INST]"))
    (other / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }} {% endfor %}")
    with pytest.raises(UsageError, match="marks turns neither by special tokens nor by words"):
        prompt_builder("other", other).of_turns(TURNS)
