"""A model elsewhere as a contestant: conversations in, an answer to each, in their order."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.endpoints.address import EndpointAddress
from tasks.endpoints.answer_cache import AnswerCache
from tasks.endpoints.budget import Budget
from tasks.endpoints.chat_client import ChatClient, ChatRequest, Reply
from tasks.progress import progress, say

AT_ONCE = 8
BYTES_PER_TOKEN = 2  # at least, of a prompt that is not counted yet: what is set aside for it is rather too much
TEMPLATE_TOKENS = 16  # of the marks around a message
Conversation = Sequence[Mapping[str, str]]  # {"role", "content"}


@dataclass(frozen=True)
class EndpointSettings:
    """How it is used; none of it changes an answer."""

    at_once: int = AT_ONCE
    seconds: float = 120.0  # of one try
    first_wait: float = 1.0  # seconds before a second try


@dataclass
class Received:
    """What came while all were answered."""

    replies: list[Reply]
    cached: int
    seconds: float


class Endpoint:
    """A model by its address; answers are kept in the cache, and each new one is counted in the budget."""

    def __init__(
        self, address: EndpointAddress, cache: AnswerCache, budget: Budget, settings: EndpointSettings | None = None
    ) -> None:
        self.address, self.cache, self.budget = address, cache, budget
        self.settings = settings or EndpointSettings()

    @property
    def name(self) -> str:
        return str(self.address)

    def answer(self, conversations: Sequence[Conversation], max_tokens: int) -> Received:
        """An answer to each; UserError where the server, the key or the budget ends it: what came stays in the cache.

        What the server refuses to answer is a reply with its `failure`.
        """
        began = time.monotonic()
        replies, cached = asyncio.run(self._answer_all(conversations, max_tokens))
        say(f"{self.name}: {self.budget}" + (f"; {cached:,} answers came from the cache" if cached else ""))
        return Received(replies, cached, time.monotonic() - began)

    async def _answer_all(self, conversations: Sequence[Conversation], max_tokens: int) -> tuple[list[Reply], int]:
        client = ChatClient(self.address, self.settings.seconds, self.settings.first_wait)
        try:
            model = self.address.model or await client.only_model()
            requests = [ChatRequest(model, messages, max_tokens) for messages in conversations]
            replies = dict[int, Reply]()
            for number, request in enumerate(requests):
                if kept := self.cache.read(self._identity(request)):
                    replies[number] = Reply(**kept)
            cached = len(replies)
            if missing := [number for number in range(len(requests)) if number not in replies]:
                await self._fill(replies, {number: requests[number] for number in missing}, client)
        finally:
            await client.close()
        return [replies[number] for number in range(len(requests))], cached

    async def _fill(self, replies: dict[int, Reply], requests: Mapping[int, ChatRequest], client: ChatClient) -> None:
        """Several requests at once; the first failure ends all of them."""
        left = iter(requests.items())
        with progress(f"answers of {self.name}", len(requests), "answers") as advance:

            async def work() -> None:
                for number, request in left:
                    replies[number] = await self._send(request, client)
                    advance(1)

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self.settings.at_once, len(requests))):
                        group.create_task(work())
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _send(self, request: ChatRequest, client: ChatClient) -> Reply:
        sizes = (len(message["content"].encode()) // BYTES_PER_TOKEN for message in request.messages)
        most = sum(sizes) + TEMPLATE_TOKENS * len(request.messages)
        reserved = self.budget.reserve(most, request.max_tokens)
        was_sent = False
        try:
            await self.budget.turn()
            was_sent = True
            reply = await client.answer(request)
        except BaseException:
            self.budget.release(reserved, was_sent)
            raise
        self.budget.settle(reserved, reply.prompt_tokens, reply.answer_tokens)
        if not reply.failure:  # what is refused today may be answered tomorrow
            self.cache.write(self._identity(request), asdict(reply))
        return reply

    def _identity(self, request: ChatRequest) -> dict[str, Any]:
        return {"url": self.address.url, **asdict(request)}
