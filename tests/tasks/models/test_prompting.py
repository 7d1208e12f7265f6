"""Prompts and answers with the tokenizers that models bring: where a text begins, which ids end it, its first space."""

import json
from pathlib import Path

import pytest

from model import hub
from model.chat import Turn
from model.family import SpecialIds
from model.gguf_weights import special_ids
from tasks.errors import UsageError
from tasks.models.chat_template import answers_in_turns
from tasks.models.prompting import ChatModel, PromptBuilder
from tests.model import shapes
from tests.tasks.models.published import KINDS
from tests.tasks.models.templates import CHATS, LLAMA2

TURNS = [Turn("user", "Who stands there?")]


def ends_of(folder: Path, **configs: object) -> tuple[set[int], set[int]]:
    """What ends an answer and what ends a text, where the folder's configs name these."""
    (folder / "generation_config.json").write_text(json.dumps(configs))
    builder = PromptBuilder(folder)
    return builder.of_turns(TURNS)[1], builder.of_text("The")[1]


def test_all_ends_that_generation_config_names_end_answers_and_texts(tmp_path: Path) -> None:
    folder = CHATS["llama3"].kind.save(tmp_path, CHATS["llama3"].template)
    builder = PromptBuilder(folder)
    ids = builder.vocabulary.specials
    end_of_text, end_of_turn = ids["<|end_of_text|>"], ids["<|eot_id|>"]
    answer, text = ends_of(folder, eos_token_id=[end_of_text, 7, 900])  # one of them beyond the tokenizer's ids
    assert answer == {end_of_text, end_of_turn, 7, 900} and text == {end_of_text, 7, 900}
    assert ends_of(folder, eos_token_id=7)[1] == {end_of_text, 7}


def test_the_end_of_a_turn_in_a_gguf_file_ends_what_is_written() -> None:
    fields = {"tokenizer.ggml.eos_token_id": 3, "tokenizer.ggml.eot_token_id": 5, "tokenizer.ggml.bos_token_id": 1}
    assert special_ids(fields) == SpecialIds(begin=1, end=(3, 5))


@pytest.mark.parametrize("name", ["llama2", "gemma", "llama3", "mistral"])
def test_a_text_to_be_continued_begins_with_bos_and_a_conversation_with_that_of_its_template_alone(
    name: str, tmp_path: Path
) -> None:
    builder = PromptBuilder(CHATS[name].kind.save(tmp_path, CHATS[name].template))
    bos = builder.vocabulary.bos[0]
    for ids in (builder.of_text("The hill")[0], builder.of_turns(TURNS)[0]):
        assert ids[0] == bos and ids.count(bos) == 1


def test_an_answer_begins_without_the_tokenizers_space_and_a_continuation_with_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chat in (True, False):
        folder = KINDS["llama2"].save(tmp_path / str(chat), LLAMA2 if chat else None)
        shape = shapes.SHAPES["llama"].model_copy(update={"vocabulary": 512})
        hub.save(shapes.Decoder(shape), folder)
        model = ChatModel("tiny", folder)
        answer = model.prompt_builder.encode("The house stands")
        monkeypatch.setattr("model.generate.generate", lambda *args, answer=answer, **options: iter(answer))
        written = "".join(model.reply(TURNS, 8, temperature=0.0, seed=0))
        assert written == ("The house stands" if chat else " The house stands")
        assert "".join(model.score("The hill")["tokens"]) == " The hill", "tokens as they are"


def test_turns_that_the_template_refuses_are_a_mistake_of_the_user_with_its_reason(tmp_path: Path) -> None:
    builder = PromptBuilder(CHATS["gemma"].kind.save(tmp_path, CHATS["gemma"].template))
    with pytest.raises(UsageError, match="refuses these turns \\(system, user\\): no system turn, please"):
        builder.of_turns([Turn("system", "Be brief."), *TURNS])


@pytest.mark.parametrize("stated", ["", [], [{"name": "tool_use", "template": "x"}], {"a": 1}])
def test_a_config_without_a_template_for_conversations_is_no_chat_models(stated: object, tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": stated}))
    assert not answers_in_turns(tmp_path)
    named = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "y"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    assert answers_in_turns(tmp_path)
