"""Who answers questions: one of our models here, and whatever else keeps to `Answerer`.

The longest answer takes at most a quarter of a small context: the rest is for the question and what is looked up.

A model that answers in turns gets the conversation through its own chat template, and its answer ends with its turn.
Any other continues the question's text (spaces at its end left out: they begin a token of the answer), and its answer
is the first line that it writes. The likeliest token is taken throughout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from model.chat import ChatTemplateError, Turn
from tasks.models.likelihood import Window, log_probabilities
from tasks.models.prompting import PromptBuilder
from tasks.progress import progress

if TYPE_CHECKING:
    from model.decoder import Decoder

Turns = Sequence[Turn]
ANSWER_SHARE = 4  # the part of a context that an answer may take: a fourth
CUT = "the question does not fit into the context: its beginning was left out"
UNFINISHED = "the answer was cut off at its longest"


@dataclass(frozen=True)
class GivenAnswer:
    """What was written, and what a reader must know of it."""

    text: str
    note: str = ""


class Answerer(Protocol):
    """A contestant: it answers conversations, each of which ends with the user's turn."""

    @property
    def name(self) -> str: ...

    @property
    def reads_turns(self) -> bool:
        """Whether it answers a conversation; any other continues a text."""
        ...

    def answers(self, conversations: Sequence[Turns], max_tokens: int) -> list[GivenAnswer]:
        """One per conversation."""
        ...

    def choice_log_probabilities(
        self, conversations: Sequence[Turns], choices: Sequence[Sequence[str]]
    ) -> list[list[float]] | None:
        """Per conversation and choice: ln p that the choice is the whole answer; None where it gives none."""
        ...

    def tokens_left(self, turns: Turns, max_tokens: int) -> int | None:
        """How many more tokens a conversation may have beside an answer; None where that is not known."""
        ...

    def tokens_in(self, answers: Sequence[str]) -> int | None:
        """How many tokens it wrote; None where that is not known."""
        ...


class ModelAnswerer:
    """A model on the decoder, many questions at a time."""

    def __init__(self, name: str, decoder: "Decoder", builder: PromptBuilder) -> None:
        self.name, self._decoder, self._builder = name, decoder, builder
        self._vocabulary, self._context = builder.vocabulary, decoder.shape.context
        self._never = self._vocabulary.ids_without_token(decoder.shape.vocabulary)

    @property
    def reads_turns(self) -> bool:
        return self._builder.answers

    def tokens_in(self, answers: Sequence[str]) -> int:
        return sum(len(self._vocabulary.encode(answer)) for answer in answers)

    def tokens_left(self, turns: Turns, max_tokens: int) -> int:
        return self._longest_prompt(max_tokens) - len(self._prompt(turns)[0])

    def answers(self, conversations: Sequence[Turns], max_tokens: int) -> list[GivenAnswer]:
        from model.generate_batch import generate_batch

        prompts = [self._prompt(turns) for turns in conversations]

        def is_end(number: int, ids: Sequence[int]) -> bool:
            return ids[-1] in prompts[number][1] or (not self._builder.answers and "\n" in self._text(ids).lstrip())

        answers = [GivenAnswer("")] * len(prompts)
        with progress(f"{self.name} answers", len(prompts), "questions") as advance:
            rows = [ids for ids, _ in prompts]
            most = self._longest_answer(max_tokens)
            for number, ids in generate_batch(self._decoder, rows, most, is_end, self._never):
                is_cut = len(rows[number]) > self._longest_prompt(max_tokens)
                answers[number] = self._answer(ids, is_end(number, ids), is_cut)
                advance(1)
        return answers

    def choice_log_probabilities(
        self, conversations: Sequence[Turns], choices: Sequence[Sequence[str]]
    ) -> list[list[float]] | None:
        pairs = zip(conversations, choices, strict=True)
        try:
            windows = [self._window(turns, text) for turns, texts in pairs for text in texts]
        except ChatTemplateError:  # its turns have no end that could be scored
            return None
        scores = iter([float(logarithms.sum()) for logarithms, _ in log_probabilities(self._decoder, windows)])
        return [[next(scores) for _ in texts] for texts in choices]

    def _longest_answer(self, max_tokens: int) -> int:
        return min(max_tokens, self._context // ANSWER_SHARE)

    def _longest_prompt(self, max_tokens: int) -> int:
        return self._context - self._longest_answer(max_tokens)

    def _prompt(self, turns: Turns) -> tuple[list[int], set[int]]:
        if self._builder.answers:
            return self._builder.of_turns(turns)
        return self._builder.of_text(_continued(turns))

    def _window(self, turns: Turns, choice: str) -> Window:
        """The choice as the whole answer: up to the end of the turn, or of the line where the model has none."""
        if self._builder.answers:
            rendered = self._builder.markup.render([*(Turn(t.role, t.text) for t in turns), Turn("assistant", choice)])
            places = [
                n for n, (turn, target) in enumerate(zip(rendered.ids, rendered.is_target, strict=True)) if target
            ]
            ids, first = list(rendered.ids[: places[-1] + 1]), places[0]
        else:
            before, _ = self._prompt(turns)
            ids = [self._vocabulary.begin, *self._vocabulary.encode(f"{_continued(turns)} {choice}\n")]
            first = len(before)
        left_out = max(0, len(ids) - self._context - 1)
        return Window(ids[left_out:], max(1, first - left_out))

    def _answer(self, ids: Sequence[int], is_ended: bool, is_cut: bool) -> GivenAnswer:
        text = self._text(ids).strip()
        if not self._builder.answers:
            text = text.partition("\n")[0].rstrip()
        notes = (CUT if is_cut else "", "" if is_ended else UNFINISHED)
        return GivenAnswer(text, "; ".join(note for note in notes if note))

    def _text(self, ids: Sequence[int]) -> str:
        data = self._vocabulary.decode_bytes(ids, continues=not self._builder.answers)
        return data.decode(errors="replace")


def _continued(turns: Turns) -> str:
    """All turns as the beginning of a text, a paragraph each."""
    return "\n\n".join(turn.text for turn in turns).rstrip(" \t")
