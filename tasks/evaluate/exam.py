"""An exam: questions of a user's own, answered by a contestant and scored one by one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.chat import Turn
from tasks.evaluate.answer_kinds import CHOICE, mark
from tasks.evaluate.answering import Answerer, GivenAnswer
from tasks.evaluate.question_file import OwnQuestion
from tasks.look_up.passage_index import Passage, PassageIndex
from tasks.look_up.prompts import LookedUp, look_up

MAX_ANSWER_TOKENS = 128


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question with what a contestant answered, and its score from 0 to 1; `passages` stood in its prompt."""

    question: OwnQuestion
    text: str
    score: float
    notes: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()

    def as_json(self, model: str) -> dict[str, Any]:
        """A line of the file of answers."""
        question = self.question
        messages = [{"role": turn.role, "content": turn.text} for turn in question.turns]
        return {
            "id": question.id,
            "model": model,
            "prompt": question.turns[0].text if len(messages) == 1 else messages,
            "answer": self.text,
            "score": self.score,
            "kind": question.kind,
            "accepted": [_plain(answer) for answer in question.answers],
            "notes": list(self.notes),
            "passages": list(dict.fromkeys(passage.doc_id for passage in self.passages)),
        }


def take_exam(
    questions: Sequence[OwnQuestion],
    answerer: Answerer,
    max_tokens: int = MAX_ANSWER_TOKENS,
    index: PassageIndex | None = None,
) -> list[AnsweredQuestion]:
    """Each question answered, in order, with passages of `index` where it is given.

    An answer has at most `max_tokens` tokens.
    """
    asked = [_look_up(question, answerer, max_tokens, index) for question in questions]
    conversations = [each.turns for each in asked]
    chosen = _choose(questions, conversations, answerer)
    written = [n for n in range(len(questions)) if n not in chosen]
    requests = [_with_choices(questions[n], conversations[n]) for n in written]
    answers = answerer.answers(requests, max_tokens) if requests else []
    given = chosen | dict(zip(written, answers, strict=True))
    return [_marked(question, given[n], asked[n]) for n, question in enumerate(questions)]


def notes_in_words(answered: Sequence[AnsweredQuestion]) -> list[str]:
    """`2 of 40 answers: the answer was cut off at its longest`, a line for each kind of note."""
    counts = Counter(note for each in answered for note in each.notes)
    return [f"{count} of {len(answered)} questions: {note}" for note, count in counts.most_common()]


def _look_up(question: OwnQuestion, answerer: Answerer, max_tokens: int, index: PassageIndex | None) -> LookedUp:
    if index is None:
        return LookedUp(question.turns, ())
    return look_up(index, question.turns, lambda turns: answerer.tokens_left(turns, max_tokens), answerer.reads_turns)


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


def _marked(question: OwnQuestion, given: GivenAnswer, asked: LookedUp) -> AnsweredQuestion:
    own = mark(question.kind, question.answers, given.text, question.choices)
    notes = tuple(note for note in (asked.note, given.note, own.note) if note)
    return AnsweredQuestion(question, given.text, own.score, notes, asked.passages)


def _plain(answer: Any) -> Any:
    """An accepted answer as JSON."""
    return answer if isinstance(answer, str | dict) else getattr(answer, "pattern", str(answer))
