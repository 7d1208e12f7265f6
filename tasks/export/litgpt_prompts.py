"""How `litgpt chat` asks a model: LitGPT's style of prompts, and the tokens that begin a prompt and end an answer.

LitGPT cannot read a chat template. It has some twenty styles, each a class that puts a prompt into a text, and ends an
answer at the one token that the tokenizer's config names.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import UserError
from tasks.models.litgpt_folder import PLAIN, PROMPT_STYLE
from tasks.models.prompting import PromptBuilder
from tasks.models.vocabulary import read_object
from tasks.progress import say

if TYPE_CHECKING:
    from litgpt.tokenizer import Tokenizer

    from model.chat import Turn

PROBE, ANSWER = "What did he say in 1787?", "Nothing."


class PromptStyle(NamedTuple):
    name: str  # of the class in litgpt.prompts
    begins: bool  # with the token that begins a text, which LitGPT's tokenizer then adds


def write_prompt_style(prompts: PromptBuilder, folder: Path) -> None:
    """Completes a folder with the tokenizer's files; where no style gives the model's own prompts, that is reported."""
    continued, ends = prompts.of_text(PROBE)
    question, answer, fault = continued, min(ends), ""
    if prompts.answers:
        try:
            question, answer = prompts.of_turns(_turns(PROBE))[0], _end_of_answer(prompts)
        except UserError as error:
            fault = error.what
    names = {"bos_token": prompts.vocabulary.token(continued[0]), "eos_token": prompts.vocabulary.token(answer)}
    _describe_tokenizer(folder, names)
    style = _style(question, folder)
    if style is None or fault:
        say(
            f"litgpt chat has no style for the turns of this model{fault and f' ({fault})'}: "
            f"what is typed there is passed on as it is, and it was trained on {_text(question, folder)!r}"
        )
    _describe_tokenizer(folder, names | {"add_bos_token": style is not None and style.begins})
    content = f"class_path: litgpt.prompts.{style.name if style else PLAIN}\n"
    (folder / PROMPT_STYLE).write_text(content, encoding="utf-8")


def _turns(*texts: str) -> "list[Turn]":
    from model.chat import Turn

    return [Turn("assistant" if number % 2 else "user", text) for number, text in enumerate(texts)]


def _end_of_answer(prompts: PromptBuilder) -> int:
    """The id that ends an answer where a conversation goes on: LitGPT stops at one, and a model may name several."""
    asked, ends = prompts.of_turns(_turns(PROBE))
    answered, _ = prompts.of_turns(_turns(PROBE, ANSWER, PROBE))
    return next((id for id in answered[len(asked) :] if id in ends), min(ends))


def _describe_tokenizer(folder: Path, names: dict[str, str | bool] | dict[str, str]) -> None:
    """tokenizer_config.json with what LitGPT looks for there."""
    file = folder / "tokenizer_config.json"
    described = {"tokenizer_class": "PreTrainedTokenizerFast", **read_object(file), **names}
    file.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def _style(ids: Sequence[int], folder: Path) -> PromptStyle | None:
    """The first style that makes these ids of the question."""
    from litgpt import prompts

    tokenizer = _tokenizer(folder)
    for style in dict.fromkeys((prompts.Default, prompts.ChatML, *prompts.prompt_styles.values())):
        text = style().apply(PROBE)
        for begins in (False, True):
            if tokenizer.encode(text, bos=begins).tolist() == list(ids):
                return PromptStyle(style.__name__, begins)
    return None


def _text(ids: Sequence[int], folder: Path) -> str:
    return _tokenizer(folder).processor.decode(list(ids), skip_special_tokens=False)


def _tokenizer(folder: Path) -> "Tokenizer":
    from litgpt.tokenizer import Tokenizer

    return Tokenizer(folder)
