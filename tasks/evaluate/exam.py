"""An exam: questions of a user's own, answered by a contestant and scored one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.chat import Turn
from tasks.evaluate.answer_kinds import CHOICE, mark
from tasks.evaluate.answering import Answerer, GivenAnswer
from tasks.evaluate.question_file import OwnQuestion

MAX_ANSWER_TOKENS = 128


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question with what a contestant answered, and its score from 0 to 1."""

    question: OwnQuestion
    text: str
    score: float
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        question = self.question
        prompt = [{"role": turn.role, "content": turn.text} for turn in question.turns]
        return {
            "id": question.id,
            "prompt": question.turns[0].text if len(question.turns) == 1 else prompt,
            "answer": self.text,
            "score": self.score,
            "accepted": [_plain(answer) for answer in question.answers],
            "notes": list(self.notes),
        }


def take_exam(
    questions: Sequence[OwnQuestion], answerer: Answerer, max_tokens: int = MAX_ANSWER_TOKENS
) -> list[AnsweredQuestion]:
    """Each question answered, in order; an answer has at most `max_tokens` tokens."""
    conversations = [question.turns for question in questions]
    chosen = _choose(questions, conversations, answerer)
    written = [n for n in range(len(questions)) if n not in chosen]
    asked = [_with_choices(questions[n], conversations[n]) for n in written]
    answers = answerer.answers(asked, max_tokens) if asked else []
    given = chosen | dict(zip(written, answers, strict=True))
    return [_marked(question, given[n]) for n, question in enumerate(questions)]


def _choose(
    questions: Sequence[OwnQuestion], conversations: Sequence[Sequence[Turn]], answerer: Answerer
) -> dict[int, GivenAnswer]:
    """The likeliest choice of each question that has choices; empty where the contestant gives no probabilities."""
    numbers = [n for n, question in enumerate(questions) if question.kind == CHOICE]
    if not numbers:
        return {}
    choices = [questions[n].choices for n in numbers]
    logarithms = answerer.choice_log_probabilities([conversations[n] for n in numbers], choices)
    if logarithms is None:
        return {}
    best = [max(zip(own, texts, strict=True)) for own, texts in zip(logarithms, choices, strict=True)]
    return {n: GivenAnswer(text) for n, (_, text) in zip(numbers, best, strict=True)}


def _with_choices(question: OwnQuestion, turns: Sequence[Turn]) -> Sequence[Turn]:
    """What is chosen among, after the question: an answer that is written cannot know it otherwise."""
    if question.kind != CHOICE:
        return turns
    listed = "\n".join(f"- {choice}" for choice in question.choices)
    return [*turns[:-1], Turn("user", f"{turns[-1].text}\n{listed}")]


def _marked(question: OwnQuestion, given: GivenAnswer) -> AnsweredQuestion:
    own = mark(question.kind, question.answers, given.text, question.choices)
    return AnsweredQuestion(question, given.text, own.score, tuple(note for note in (given.note, own.note) if note))


def _plain(answer: Any) -> Any:
    """An accepted answer as JSON."""
    return answer if isinstance(answer, str | dict) else getattr(answer, "pattern", str(answer))
