"""One answer, from its slot to its last piece."""

import secrets
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError
from serve.detokenizer import StopFilter
from serve.engine import Sampling
from serve.limits import Limits
from serve.responses import Piece
from serve.slots import Slots

BEGUN = Piece("")  # a slot is taken: from now on it is an answer and no refusal


@dataclass(frozen=True)
class Job:
    """A request as the engine takes it, and where its text ends."""

    served: LoadedVersion
    prompt: tuple[int, ...]
    sampling: Sampling
    stops: tuple[str, ...]


def room(served: LoadedVersion, prompt: list[int], asked: int | None, limits: Limits) -> int:
    """The tokens an answer may have; a Refusal where prompt and answer together are too much."""
    left = served.engine.context - len(prompt)
    most = min(left, limits.answer_tokens)
    if most < 1 or (asked or 0) > most:
        wanted = f" and max_tokens asks for {asked:,}" if asked else ""
        more = f", and an answer {limits.answer_tokens:,} at most" if limits.answer_tokens < left else ""
        message = (
            f"this model reads {served.engine.context:,} tokens, prompt and answer together{more}; "
            f"the prompt has {len(prompt):,}{wanted}"
        )
        raise ApiError(422, message, "context_length_exceeded", "max_tokens" if asked else "messages")
    return asked or min(limits.default_tokens, most)


class Generations:
    """Runs jobs on the engine, a slot each, every one in a thread of its own while a token is made."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.slots = Slots(limits.slots, limits.queue, limits.queue_seconds)
        self._threads = CapacityLimiter(limits.slots)
        self._until = float("inf")  # on the monotonic clock: the server ends

    def end_within(self, seconds: float) -> None:
        """The server is about to end: what runs then is told so."""
        self._until = time.monotonic() + seconds

    async def pieces(self, job: Job) -> AsyncGenerator[Piece]:
        """BEGUN once there is a slot, then the text; closing the generator frees the slot after the token in work."""
        async with self.slots.taken():
            yield BEGUN
            with closing(job.served.engine.generate(job.prompt, job.sampling)) as tokens:
                async with aclosing(self._written(job, tokens)) as written:
                    async for piece in written:
                        yield piece

    async def _written(self, job: Job, tokens: Generator[int]) -> AsyncGenerator[Piece]:
        vocabulary, writing, made = job.served.prompt_builder.vocabulary, StopFilter(job.stops), 0
        until, reason = time.monotonic() + self.limits.answer_seconds, "length"
        while time.monotonic() < until:
            if time.monotonic() > self._until:
                raise ApiError(503, "the server is being stopped", "server_stopping")
            token = await to_thread.run_sync(next, tokens, None, limiter=self._threads)
            if token is None:
                break
            made += 1
            if token in job.sampling.stop:
                reason = "stop"
                break
            if text := writing.add(vocabulary.decode_bytes([token])):
                yield Piece(text)
            if writing.stopped:
                break
        rest = writing.add(b"", is_last=True)
        yield Piece(rest, "stop" if writing.stopped else reason, len(job.prompt), made)


def seed_of(asked: int | None) -> int:
    """The seed that was asked for, or one that nobody foretells."""
    return secrets.randbits(62) if asked is None else asked
