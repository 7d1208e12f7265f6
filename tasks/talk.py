"""A model ready to be talked to: turns in, text out piece by piece, whole characters only."""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.vocabulary import END_OF_TEXT, Vocabulary

if TYPE_CHECKING:
    from model.chat import Turn


class Talker:
    """The weights in a folder; one that was taught to answer is asked in turns, any other continues the last text."""

    def __init__(self, weights: Path, answers: bool) -> None:
        from model.hub import load

        self.decoder, self.vocabulary, self.answers = load(weights).eval(), Vocabulary(weights), answers

    def reply(self, turns: Sequence["Turn"], max_tokens: int, temperature: float, seed: int) -> Iterator[str]:
        """The answer as it is generated; ends at the end of the turn, of the text, or after max_tokens."""
        from model.generate import generate

        ids, stop = self._asked(turns)
        characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        for token in generate(self.decoder, ids, max_tokens, temperature, seed=seed, stop=stop):
            yield characters.decode(self.vocabulary.decode_bytes([token]))
        yield characters.decode(b"", final=True)

    def score(self, text: str) -> dict[str, list[int] | list[str] | list[float]]:
        """Ids, tokens and log-probabilities (nats) of a text, the first token given the beginning of a document."""
        from model.generate import score

        ids = self.vocabulary.encode(text)
        begin = self.vocabulary.specials[END_OF_TEXT]
        tokens = [self.vocabulary.decode_bytes([token]).decode(errors="replace") for token in ids]
        return {"ids": ids, "tokens": tokens, "logprobs": score(self.decoder, [begin, *ids])}

    def _asked(self, turns: Sequence["Turn"]) -> tuple[list[int], set[int]]:
        from model.chat import ask

        separator = self.vocabulary.specials[END_OF_TEXT]
        if not self.answers:
            return [separator, *self.vocabulary.encode(turns[-1].text)], {separator}
        marks = self.vocabulary.markup()
        return ask(turns, marks, self.vocabulary.encode), {*marks.ends, separator}
