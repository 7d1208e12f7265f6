"""An exam: what a contestant is asked, and how its answers are scored."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from model import hub
from model.chat import Turn
from tasks.evaluate.answering import GivenAnswer, ModelAnswerer, Turns
from tasks.evaluate.exam import take_exam
from tasks.evaluate.question_file import OwnQuestion
from tasks.models.chat_template import write_chat_template
from tasks.models.prompting import PromptBuilder
from tests.tasks.evaluate.conftest import EarlierSteps, passage

CHOICES = ("the river", "quiet", "seven")


def question(text: str, kind: str = "contains", answers: tuple[str, ...] = ("river",), **more: object) -> OwnQuestion:
    return OwnQuestion(text, (Turn("user", text),), kind, answers, **more)


def answerer(weights: Path) -> ModelAnswerer:
    return ModelAnswerer("ours", hub.load(weights).eval(), PromptBuilder(weights, today=None))


class Parrot:
    """Answers with what it reads last, and gives no probabilities."""

    name, reads_turns = "parrot", True

    def answers(self, conversations: Sequence[Turns], max_tokens: int) -> list[GivenAnswer]:
        return [GivenAnswer(turns[-1].text) for turns in conversations]

    def choice_log_probabilities(self, conversations: Sequence[Turns], choices: Sequence[Sequence[str]]) -> None:
        return None

    def tokens_left(self, turns: Turns, max_tokens: int) -> None:
        return None


def test_a_contestant_without_probabilities_reads_the_choices_and_answers_in_words():
    (answered,) = take_exam([question("Which?", "choice", ("quiet",), choices=CHOICES)], Parrot())
    assert answered.text == "Which?\n- the river\n- quiet\n- seven"
    assert (answered.score, answered.notes) == (0.0, ("names none of the choices, or several",))


@pytest.mark.parametrize("text", [passage(3), "The", " ".join(passage(n) for n in range(4))])
def test_a_base_model_continues_a_text_and_its_first_line_is_its_answer(earlier: EarlierSteps, text: str):
    from model.generate import generate

    ours = answerer(earlier.model / "weights")
    (answered,) = take_exam([question(f"{text}  ")], ours, max_tokens=8)
    builder = PromptBuilder(earlier.model / "weights")
    ids, stop = builder.of_text(text)
    own = list(generate(ours._decoder, ids, 8, temperature=0, stop=stop))
    written = (
        PromptBuilder(earlier.model / "weights").vocabulary.decode_bytes(own, continues=True).decode(errors="replace")
    )
    assert answered.text == written.strip().split("\n")[0].rstrip()
    assert ("does not fit" in "".join(answered.notes)) == (len(ids) > 96 - 8)


@pytest.mark.parametrize("answers_in_turns", [False, True])
def test_the_likeliest_choice_is_the_answer(earlier: EarlierSteps, tmp_path: Path, answers_in_turns: bool):
    weights = shutil.copytree(earlier.model / "weights", tmp_path / "weights")
    if answers_in_turns:
        write_chat_template(weights)
    ours = answerer(weights)
    asked = question("The horse and", "choice", ("quiet",), choices=CHOICES)
    (logarithms,) = ours.choice_log_probabilities([asked.turns], [CHOICES])
    (answered,) = take_exam([asked], ours)
    assert answered.text == CHOICES[logarithms.index(max(logarithms))]
    assert answered.score == (answered.text == "quiet")
