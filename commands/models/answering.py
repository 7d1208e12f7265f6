"""A model that answers on the terminal: on llama.cpp where that is installed and reads it, else on the decoder."""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.models.looking_up import passage_index
from commands.models.use import Knobs, at_hand, is_public
from serve.engine import Engine, EngineError, Generated, ModelFiles, Sampling
from serve.engine_choice import load_engine
from tasks.errors import UserError
from tasks.home import Home
from tasks.look_up.passage_index import Passage
from tasks.look_up.prompts import look_up
from tasks.models.detokenizer import StopFilter
from tasks.models.hub_place import GGUF
from tasks.models.pretrained import converted
from tasks.models.prompting import PromptBuilder, prompt_builder
from tasks.progress import say
from tasks.tracking.model_version import FILES_TAG, Version
from tasks.tracking.registry import locate, verified

if TYPE_CHECKING:
    from model.chat import Turn


def answer_prompt(home: Home, model: str, prompt: str, knobs: Knobs, looks_up: bool = False) -> dict[str, Any]:
    """The whole answer to one prompt, as {"text"}; with {"passages"} where it was looked up."""
    from model.chat import Turn

    speaker = AnsweringModel(home, model, looks_up)
    answer = {"text": "".join(speaker.reply([Turn("user", prompt)], knobs))}
    if not looks_up:
        return answer
    return answer | {"passages": [passage.as_json() for passage in speaker.looked_up]}


class AnsweringModel:
    """The named model, or the latest run's, on its engine; one text at a time.

    One that looks up reads passages of the training text before each message; `looked_up` are those of the last one.
    """

    def __init__(self, home: Home, model: str, looks_up: bool = False) -> None:
        model = model or at_hand(home)
        self._index = passage_index(home, _version(home, model)) if looks_up else None
        self.looked_up: Sequence[Passage] = ()
        weights, sha256, gguf = _files(home, model)
        self._builder: PromptBuilder = prompt_builder(model, weights)
        files = ModelFiles(weights, sha256, self._builder.vocabulary, gguf)
        self._engine: Engine = load_engine(home, "", slots=1)(files)
        self._runner = asyncio.Runner()
        weakref.finalize(self, self._runner.close)

    @property
    def answers(self) -> bool:
        """Whether it answers in turns."""
        return self._builder.answers

    @property
    def engine(self) -> str:
        """`llama.cpp, q8_0`"""
        return f"{self._engine.name}, {self._engine.precision}"

    def reply(self, turns: Sequence["Turn"], knobs: Knobs) -> Iterator[str]:
        """The answer as it is generated; ends at the end of the turn, of the text, or after max_tokens."""
        text, parts = StopFilter(), self._parts(self._with_passages(turns, knobs.max_tokens), knobs)

        async def next_part() -> Generated | None:
            return await anext(parts, None)

        try:
            while part := self._runner.run(next_part()):
                if shown := text.add(part.data):
                    yield shown
            if rest := text.add(b"", is_last=True):
                yield rest
        except EngineError as error:
            raise UserError(f"the answer broke off: {error}", "ask again") from error
        finally:
            self._runner.run(_close(parts))

    def _with_passages(self, turns: Sequence["Turn"], max_tokens: int) -> Sequence["Turn"]:
        if self._index is None:
            return turns

        def tokens_left(turns: Sequence["Turn"]) -> int:
            return self._engine.context - max_tokens - len(self._builder.of_turns(turns)[0])

        looked_up = look_up(self._index, turns, tokens_left, self.answers)
        self.looked_up = looked_up.passages
        if looked_up.note:
            say(looked_up.note)
        return looked_up.turns

    async def _parts(self, turns: Sequence["Turn"], knobs: Knobs) -> AsyncGenerator[Generated]:
        """A prompt is cut to its last context - max_tokens tokens, never to fewer than half a context.

        Where the context fills up all the same, its later half is read again as if the text began there.
        """
        ids, stop = self._builder.of_turns(turns)
        context, left = self._engine.context, knobs.max_tokens
        half = (context + 1) // 2
        prompt, continues = ids[-max(context - left, half) :], not self.answers
        while left > 0:
            most, made, data, is_end = min(left, context - len(prompt)), 0, b"", False
            sampling = Sampling(
                most, knobs.temperature, knobs.top_p, knobs.seed + knobs.max_tokens - left, frozenset(stop), continues
            )
            async with aclosing(self._engine.generate(prompt, sampling)) as parts:
                async for part in parts:
                    made, data, is_end = made + part.tokens, data + part.data, part.is_end
                    yield part
            if is_end or made < most:
                return
            left, continues = left - made, True
            prompt = [*prompt, *self._builder.encode(data.decode(errors="ignore"))][-half:]


def _version(home: Home, model: str) -> Version | None:
    place = None if is_public(model) else locate(model, home)
    return place if isinstance(place, Version) else None


async def _close(parts: AsyncGenerator[Generated]) -> None:
    await parts.aclose()


def _files(home: Home, model: str) -> tuple[Path, str, Path | None]:
    """The folder of weights, the hash of a registered version's files, and the .gguf file where it is in one."""
    target = locate(model, home)
    if isinstance(target, Version):
        return verified(target, home).weights, target.tags[FILES_TAG], None
    return (converted(target, home), "", target) if target.suffix == GGUF else (target, "", None)
