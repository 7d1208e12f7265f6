"""A model elsewhere as a player of the arena."""

from collections.abc import Sequence

from serve.api_error import ApiError
from tasks.endpoints.address import EndpointAddress
from tasks.endpoints.chat_client import ChatClient, ChatRequest
from tasks.errors import UsageError, UserError
from tasks.feedback.entry import Asked
from tasks.progress import say


class EndpointPlayer:
    """Votes are kept under its address with the model's name, so one is expected: UsageError."""

    def __init__(self, address: EndpointAddress, max_tokens: int, temperature: float) -> None:
        if not address.model:
            raise UsageError(f"{address}: votes are kept under a model's name", "add #MODEL to the address")
        self.name, self._model = str(address), address.model
        self._client, self._max_tokens, self._temperature = ChatClient(address), max_tokens, temperature

    async def answer(self, turns: Sequence[Asked], seed: int) -> str:
        """ApiError where it gives none; which of the two it was that failed is in the log alone."""
        messages = [turn._asdict() for turn in turns]
        try:
            reply = await self._client.answer(ChatRequest(self._model, messages, self._max_tokens, self._temperature))
        except UserError as error:
            say(f"{self.name}: {error}")
            raise ApiError(502, "one of the two did not answer; the arena's log says why", "player_failed") from error
        if reply.failure:
            say(f"{self.name} refuses: {reply.failure}")
            raise ApiError(502, "one of the two refuses this prompt; the arena's log says why", "player_failed")
        return reply.text
