"""A model that answers elsewhere, as a contestant: whole conversations go there, and no probabilities come back."""

from collections.abc import Sequence

from tasks.endpoints.chat_client import Reply
from tasks.endpoints.endpoint import Endpoint
from tasks.evaluate.answering import UNFINISHED, GivenAnswer, Turns


class EndpointAnswerer:
    """Of its context nothing is known: what does not fit is refused there, and is a note here."""

    reads_turns = True

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name, self._endpoint = name, endpoint

    def answers(self, conversations: Sequence[Turns], max_tokens: int) -> list[GivenAnswer]:
        """One per conversation; UserError where the server, its key or the budget ends it."""
        messages = [[{"role": turn.role, "content": turn.text} for turn in turns] for turns in conversations]
        replies = self._endpoint.answer(messages, max_tokens).replies if messages else []
        notes = (
            f"refused: {reply.failure}" if reply.failure else UNFINISHED if reply.is_cut else "" for reply in replies
        )
        return [GivenAnswer(reply.text, note) for reply, note in zip(replies, notes, strict=True)]

    def choice_log_probabilities(
        self, conversations: Sequence[Turns], choices: Sequence[Sequence[str]]
    ) -> list[list[float]] | None:
        return None

    def tokens_in(self, answers: Sequence[str]) -> int | None:
        return None

    def tokens_left(self, turns: Turns, max_tokens: int) -> int | None:
        return None


def _note(reply: Reply) -> str:
    if reply.failure:
        return f"refused: {reply.failure}"
    return UNFINISHED if reply.is_cut else ""
