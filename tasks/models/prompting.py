"""A model's prompts and answers: turns or text in, generated text out piece by piece, whole characters only."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from model.chat import TOP_P
from model.classes import is_classifier
from tasks.errors import UsageError
from tasks.models.chat_template import answers_in_turns
from tasks.models.detokenizer import StopFilter
from tasks.models.pretrained import decoder_of
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from model.chat import Markup, Turn


class PromptBuilder:
    """Ids to generate from, and the ids that end the answer.

    A model that answers in turns gets the whole conversation; any other continues the text of the last turn.
    """

    def __init__(
        self, folder: Path, ends: Collection[int] | None = None, today: Callable[[], date] | None = date.today
    ) -> None:
        """`folder` holds the tokenizer, and the configs that name the ids of `ends` where these are not given.

        `today`: the date where a chat template writes one; None: always the same, as in rows to train on.
        """
        from model.hub_files import read_special_ids

        self.vocabulary, self.answers = Vocabulary(folder), answers_in_turns(folder)
        named = read_special_ids(folder).end if ends is None else ends
        self._ends, self._today = {self.vocabulary.separator, *named}, today

    def of_turns(self, turns: Sequence["Turn"]) -> tuple[list[int], set[int]]:
        """Raises UsageError where the model's turns are marked in a way that is not supported."""
        from model.chat import ChatTemplateError

        if not self.answers:
            return self.of_text(turns[-1].text)
        try:
            return self.markup.prompt_ids(turns), {*self.markup.ends, *self._ends}
        except ChatTemplateError as error:
            raise UsageError(error.what, error.cure) from error

    def of_text(self, text: str) -> tuple[list[int], set[int]]:
        """To be continued, as the beginning of a document."""
        return [self.vocabulary.begin, *self.encode(text)], self._ends

    def encode(self, text: str) -> list[int]:
        return self.vocabulary.encode(text)

    @cached_property
    def markup(self) -> "Markup":
        """How a model that answers marks turns."""
        return self.vocabulary.markup(self._today)


class ChatModel:
    """The weights in a folder, ready to generate and to score."""

    def __init__(self, model: str, weights: Path, tokenizer: Path | None = None) -> None:
        """`weights`: a folder in the Hugging Face layout; or a .gguf file, with its tokenizer in a folder."""
        self.decoder = decoder_of(weights)
        self.prompt_builder = (
            PromptBuilder(tokenizer, self.decoder.special_ids.end) if tokenizer else prompt_builder(model, weights)
        )
        self._never = self.prompt_builder.vocabulary.ids_without_token(self.decoder.shape.vocabulary)

    @property
    def answers(self) -> bool:
        """Whether it answers in turns."""
        return self.prompt_builder.answers

    def reply(
        self, turns: Sequence["Turn"], max_tokens: int, temperature: float, seed: int, *, top_p: float = TOP_P
    ) -> Iterator[str]:
        """The answer as it is generated; ends at the end of the turn, of the text, or after max_tokens."""
        from model.generate import generate

        ids, stop = self.prompt_builder.of_turns(turns)
        text, continues = StopFilter(), not self.answers
        sampling = {"temperature": temperature, "top_p": top_p, "seed": seed, "stop": stop, "never": self._never}
        for token in generate(self.decoder, ids, max_tokens, **sampling):
            yield text.add(self.prompt_builder.vocabulary.decode_bytes([token], continues))
            continues = True
        yield text.add(b"", is_last=True)

    def score(self, text: str) -> dict[str, list[int] | list[str] | list[float]]:
        """Ids, tokens and log-probabilities (nats) of a text, read as the evaluation reads a document."""
        from tasks.models.likelihood import document_log_probabilities

        vocabulary, ids = self.prompt_builder.vocabulary, self.prompt_builder.encode(text)
        (logprobs,) = document_log_probabilities(self.decoder, [ids], vocabulary.begin)
        tokens = [vocabulary.decode_bytes([token], continues=True).decode(errors="backslashreplace") for token in ids]
        return {"ids": ids, "tokens": tokens, "logprobs": logprobs.tolist()}


def prompt_builder(
    model: str, weights: Path, ends: Collection[int] | None = None, today: Callable[[], date] | None = date.today
) -> PromptBuilder:
    """The prompts of that folder's model; UsageError where `model`, as its user calls it, generates no text."""
    if is_classifier(weights):
        cure = "name a model that does: beside it, POST /v1/classify answers with the classifiers"
        raise UsageError(f"{model} is a classifier and generates no text", cure)
    return PromptBuilder(weights, ends, today)
