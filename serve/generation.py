"""Generation of one answer: waits for a slot, then yields text as it is decoded."""

import secrets
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError
from serve.engine import Sampling
from serve.limits import Limits
from serve.responses import Piece
from serve.slots import Slots
from tasks.models.detokenizer import StopFilter

STARTED = Piece("")  # a slot is taken: from here on the response is a stream and no error status


@dataclass(frozen=True)
class GenerationJob:
    """A request as the engine takes it, and where its text ends."""

    served: LoadedVersion
    prompt: tuple[int, ...]
    sampling: Sampling
    stops: tuple[str, ...]
    continues: bool = False  # the text goes on from the prompt's, and is no answer that begins anew


def max_answer_tokens(served: LoadedVersion, prompt: list[int], requested: int | None, limits: Limits) -> int:
    """The tokens an answer may have; ApiError where prompt and answer together exceed the context."""
    left = served.engine.context - len(prompt)
    most = min(left, limits.answer_tokens)
    if most < 1 or (requested or 0) > most:
        wanted = f" and max_tokens asks for {requested:,}" if requested else ""
        more = f", and an answer {limits.answer_tokens:,} at most" if limits.answer_tokens < left else ""
        message = (
            f"this model's maximum context length is {served.engine.context} tokens, prompt and answer together{more}; "
            f"the prompt has {len(prompt)}{wanted}"
        )
        raise ApiError(400, message, "context_length_exceeded", "max_tokens" if requested else "messages")
    return requested or min(limits.default_tokens, most)


class Generations:
    """Runs jobs on the engine, a slot each, every one in a thread of its own while a token is made."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.slots = Slots(limits.slots, limits.queue, limits.queue_seconds)
        self._threads = CapacityLimiter(limits.slots)
        self._until = float("inf")  # on the monotonic clock: the server ends

    def end_within(self, seconds: float) -> None:
        """The server stops: what still runs after that time fails with 503."""
        self._until = time.monotonic() + seconds

    async def pieces(self, job: GenerationJob) -> AsyncGenerator[Piece]:
        """STARTED once there is a slot, then the text; closing the generator frees the slot after the token in work."""
        async with self.slots.slot():
            yield STARTED
            with closing(job.served.engine.generate(job.prompt, job.sampling)) as tokens:
                async with aclosing(self._decoded(job, tokens)) as written:
                    async for piece in written:
                        yield piece

    async def _decoded(self, job: GenerationJob, tokens: Generator[int]) -> AsyncGenerator[Piece]:
        vocabulary, writing, made = job.served.prompt_builder.vocabulary, StopFilter(job.stops), 0
        continues = job.continues
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
            if text := writing.add(vocabulary.decode_bytes([token], continues)):
                yield Piece(text)
            continues = True
            if writing.stopped:
                break
        rest = writing.add(b"", is_last=True)
        yield Piece(rest, "stop" if writing.stopped else reason, len(job.prompt), made)


def seed_or_random(seed: int | None) -> int:
    """The request's seed, or a random one."""
    return secrets.randbits(62) if seed is None else seed
