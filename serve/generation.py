"""Generation of answers: each waits for a slot, then yields text as it is decoded."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError
from serve.engine import EngineError, Generated, Sampling
from serve.limits import Limits
from serve.metrics import Metrics
from serve.responses import Piece
from serve.slots import Slots
from tasks.models.detokenizer import StopFilter
from tasks.progress import say

STARTED = Piece("")  # a slot is taken: from here on the response is a stream and no error status


@dataclass(frozen=True)
class GenerationJob:
    """One text as the engine takes it, and where it ends."""

    served: LoadedVersion
    prompt: tuple[int, ...]
    sampling: Sampling
    stops: tuple[str, ...]
    echoed: int | None = None  # of the prompt's last ids, which begin the text; None: it begins after the prompt


def max_answer_tokens(served: LoadedVersion, prompt: Sequence[int], requested: int | None, limits: Limits) -> int:
    """The tokens an answer may have; ApiError where prompt and answer together exceed the context."""
    left = served.engine.context - len(prompt)
    most = min(left, limits.answer_tokens)
    if (requested or 0) > most or most < (requested if requested is not None else 1):
        wanted = f" and max_tokens asks for {requested:,}" if requested else ""
        more = f", and an answer {limits.answer_tokens:,} at most" if limits.answer_tokens < left else ""
        message = (
            f"this model's maximum context length is {served.engine.context} tokens, prompt and answer together{more}; "
            f"the prompt has {len(prompt)}{wanted}"
        )
        raise ApiError(400, message, "context_length_exceeded", "max_tokens" if requested else "messages")
    return min(limits.default_tokens, most) if requested is None else requested


class Generations:
    """Runs jobs on their engines, a slot each."""

    def __init__(self, limits: Limits, slots: int) -> None:
        self.limits, self.metrics = limits, Metrics()
        self.slots = Slots(slots, limits.queue, limits.queue_seconds)
        self._until = float("inf")  # on the monotonic clock: the server ends

    @property
    def is_ending(self) -> bool:
        return self._until != float("inf")

    def end_within(self, seconds: float) -> None:
        """The server stops: what still runs after that time fails with 503."""
        self._until = time.monotonic() + seconds

    async def pieces(self, jobs: Sequence[GenerationJob]) -> AsyncGenerator[Piece]:
        """STARTED once a job has a slot, then the texts of all, each piece with its job's number.

        Closing the generator ends the work and frees the slots.
        """
        if len(jobs) == 1:
            async with aclosing(self._pieces_of(jobs[0])) as pieces:
                async for piece in pieces:
                    yield piece
            return
        queue = asyncio.Queue[Piece | BaseException](maxsize=len(jobs))
        tasks = [asyncio.create_task(self._pass_on(job, number, queue)) for number, job in enumerate(jobs)]
        left = len(jobs)
        try:
            while left:
                piece = await queue.get()
                if isinstance(piece, BaseException):
                    raise piece
                left -= piece.reason is not None
                yield piece
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, job: GenerationJob, number: int, queue: "asyncio.Queue[Piece | BaseException]") -> None:
        try:
            async with aclosing(self._pieces_of(job)) as pieces:
                async for piece in pieces:
                    await queue.put(replace(piece, index=number))
        except Exception as error:  # it is raised where the pieces are read
            await queue.put(error)

    async def _pieces_of(self, job: GenerationJob) -> AsyncGenerator[Piece]:
        begin = time.monotonic()
        async with self.slots.slot():
            yield STARTED
            try:
                async for piece in self._text(job, begin):
                    yield piece
            except EngineError as error:
                say(f"{job.served.name}: {error}")
                raise ApiError(503, "the engine failed; the server's log says why", "engine_failed") from error

    async def _text(self, job: GenerationJob, begin: float) -> AsyncGenerator[Piece]:
        if job.echoed is not None:
            yield await self._echo(job)
        if not job.sampling.max_tokens:
            yield Piece("", "length", len(job.prompt))
            return
        parts = job.served.engine.generate(job.prompt, job.sampling)
        async with aclosing(parts), aclosing(self._decoded(job, parts, begin)) as pieces:
            async for piece in pieces:
                yield piece

    async def _decoded(
        self, job: GenerationJob, parts: AsyncGenerator[Generated], begin: float
    ) -> AsyncGenerator[Piece]:
        text, made, is_end = StopFilter(job.stops), 0, False
        until, held = time.monotonic() + self.limits.answer_seconds, list[Generated]()
        while not (text.stopped or is_end) and (part := await self._next(parts, until)):
            if not made:
                self.metrics.first_token(time.monotonic() - begin)
            made, is_end = made + part.tokens, part.is_end
            held.append(part)
            if shown := text.add(part.data):
                yield Piece(shown, scores=tuple(score for one in held for score in one.scores))
                held.clear()
        rest = text.add(b"", is_last=True)
        self.metrics.count_tokens(job.served.name, len(job.prompt), made)
        scores = tuple(score for one in held for score in one.scores)
        yield Piece(rest, "stop" if text.stopped or is_end else "length", len(job.prompt), made, scores)

    async def _next(self, parts: AsyncGenerator[Generated], until: float) -> Generated | None:
        """The next part; None at the end of the text, or of its time."""
        now = time.monotonic()
        if now > self._until:
            raise ApiError(503, "the server is being stopped", "server_stopping")
        try:
            async with asyncio.timeout(max(0.0, until - now)):
                return await anext(parts, None)
        except TimeoutError:
            return None

    async def _echo(self, job: GenerationJob) -> Piece:
        """The prompt's text, with its scores where these are wanted."""
        begin, scores = len(job.prompt) - (job.echoed or 0), ()
        ids = job.prompt[begin:]
        if job.sampling.logprobs is not None:
            scores = (await job.served.engine.score(job.prompt, job.sampling.logprobs))[begin:]
        text = job.served.prompt_builder.vocabulary.decode_bytes(ids).decode(errors="replace")
        return Piece(text, scores=tuple(scores))


def seed_or_random(seed: int | None) -> int:
    """The request's seed, or a random one."""
    return secrets.randbits(62) if seed is None else seed
