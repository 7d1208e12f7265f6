"""A model ready to be talked to: turns in, text out piece by piece, whole characters only."""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UsageError
from tasks.models.pretrained import decoder_of
from tasks.models.vocabulary import END_OF_TEXT, Vocabulary

if TYPE_CHECKING:
    from model.chat import Turn

ANSWERING = "-instruct"  # registered models with this ending answer in turns, …
ANSWERING_STEPS = ("finetune/instruct", "finetune/prefer")  # … and artifacts of these


class PromptBuilder:
    """How a model is asked: what is said becomes ids to go on from, and the ids that end the answer.

    One that was taught to answer is asked in turns; any other continues the last turn's text.
    """

    def __init__(self, weights: Path, answers: bool) -> None:
        self.vocabulary, self.answers = Vocabulary(weights), answers

    def of_turns(self, turns: Sequence["Turn"]) -> tuple[list[int], set[int]]:
        from model.chat import ask

        if not self.answers:
            return self.of_text(turns[-1].text)
        marks = self.vocabulary.markup()
        return ask(turns, marks, self.encode), {*marks.ends, self._separator}

    def of_text(self, text: str) -> tuple[list[int], set[int]]:
        """To be continued, as the beginning of a document."""
        return [self._separator, *self.encode(text)], {self._separator}

    def encode(self, text: str) -> list[int]:
        return self.vocabulary.encode(text)

    @property
    def _separator(self) -> int:
        return self.vocabulary.specials[END_OF_TEXT]


class ChatModel:
    """The weights in a folder, and how they are asked."""

    def __init__(self, model: str, weights: Path) -> None:
        self.prompt_builder, self.decoder = prompt_builder(model, weights), decoder_of(weights)

    @property
    def answers(self) -> bool:
        return self.prompt_builder.answers

    def reply(self, turns: Sequence["Turn"], max_tokens: int, temperature: float, seed: int) -> Iterator[str]:
        """The answer as it is generated; ends at the end of the turn, of the text, or after max_tokens."""
        from model.generate import generate

        ids, stop = self.prompt_builder.of_turns(turns)
        characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        for token in generate(self.decoder, ids, max_tokens, temperature, seed=seed, stop=stop):
            yield characters.decode(self.prompt_builder.vocabulary.decode_bytes([token]))
        yield characters.decode(b"", final=True)

    def score(self, text: str) -> dict[str, list[int] | list[str] | list[float]]:
        """Ids, tokens and log-probabilities (nats) of a text, the first token given the beginning of a document."""
        from model.generate import score

        vocabulary, ids = self.prompt_builder.vocabulary, self.prompt_builder.encode(text)
        begin = vocabulary.specials[END_OF_TEXT]
        tokens = [vocabulary.decode_bytes([token]).decode(errors="replace") for token in ids]
        return {"ids": ids, "tokens": tokens, "logprobs": score(self.decoder, [begin, *ids])}


def prompt_builder(model: str, weights: Path) -> PromptBuilder:
    """How the model of that name and folder is asked; a UsageError where it does not write at all."""
    if (weights / "classes.json").is_file():
        raise UsageError(f"{model} is a classifier and does not talk", "load it with mlflow.pyfunc, or name another")
    name = model.partition("@")[0].partition("/")[0]
    made_to_answer = any(f"/{step}/" in weights.resolve().as_posix() for step in ANSWERING_STEPS)
    return PromptBuilder(weights, name.endswith(ANSWERING) or made_to_answer)
