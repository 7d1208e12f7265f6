"""Blind pairs: two answers to one prompt, unnamed and on random sides; after the vote the models are revealed.

    GET  /v1/arena          {"models", "votes", "prompts", "is_clear", "order"}
    POST /v1/arena/pairs    {"prompt" or "messages"}, {}: the file's next → {"id", "messages", "left", "right"}
    POST /v1/arena/votes    {"id", "choice": left, right, both or none, "comment"?} → {"left", "right", "is_clear", …}

Both answers come together: the faster model would be known by its speed. Which two answer is next_pair.py's choice.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from fastapi import FastAPI, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from serve.api_error import ApiError
from serve.feedback import MAX_COMMENT, Recorder, ShortText, WithPrompt, who
from serve.hang_up import unless_gone
from serve.parsing import Parser
from serve.request_fields import RequestModel, Text
from tasks.arena.next_pair import is_clear, next_pair
from tasks.arena.strengths import PRIOR, Vote, fit
from tasks.arena.votes import OUTCOMES, wins_of
from tasks.feedback.entry import Asked, Choice, Feedback, new_id, now, prompt_sha256

MOST_PENDING = 1000  # pairs without a vote; the oldest is given up


class Player(Protocol):
    """Whoever answers; `name` is what votes are kept under."""

    @property
    def name(self) -> str: ...

    async def answer(self, turns: Sequence[Asked], seed: int) -> str:
        """ApiError where it cannot."""
        ...


class PairRequest(WithPrompt):
    """POST /v1/arena/pairs."""

    @property
    def is_empty(self) -> bool:
        return self.prompt is None and self.messages is None


class VoteRequest(RequestModel):
    """POST /v1/arena/votes."""

    id: ShortText
    choice: Choice
    comment: Annotated[Text, Field(max_length=MAX_COMMENT)] | None = None


@dataclass(frozen=True)
class BlindPair:
    """Two answers that wait for a vote."""

    turns: tuple[Asked, ...]
    left: str
    right: str
    answers: tuple[str, str]


class Arena:
    """The players, the votes between them, and the pairs that wait for one."""

    def __init__(
        self, players: Mapping[str, Player], votes: Sequence[Vote], prompts: Sequence[tuple[Asked, ...]]
    ) -> None:
        """`votes`: those that the home has of these players."""
        self._players, self._votes, self._prompts = players, list(votes), prompts
        self._names, self._begun = list(players), 0
        self._pending = dict[str, BlindPair]()

    @property
    def standing(self) -> dict[str, Any]:
        """What the page shows; the order only once it is clear, so that nobody votes by it."""
        wins = wins_of(self._votes, self._names)
        clear = is_clear(wins)
        order = [self._names[n] for n in np.argsort(-fit(wins, PRIOR))] if clear else []
        counts = {"models": len(self._names), "votes": len(self._votes), "prompts": len(self._prompts)}
        return {**counts, "is_clear": clear, "order": order}

    def next_prompt(self) -> tuple[Asked, ...]:
        """Of the file, one after another, and from the beginning again; ApiError where there is none."""
        if not self._prompts:
            raise ApiError(400, "give a prompt or messages: the arena has no file of prompts", "no_prompt", "prompt")
        self._begun += 1
        return self._prompts[(self._begun - 1) % len(self._prompts)]

    async def pair(self, turns: tuple[Asked, ...]) -> dict[str, Any]:
        """The answers of the two whose comparison tells most, on random sides."""
        chosen = [self._names[n] for n in next_pair(wins_of(self._votes, self._names))]
        left, right = chosen if secrets.randbelow(2) else chosen[::-1]
        seed = secrets.randbits(31)
        answers = await asyncio.gather(*(self._players[name].answer(turns, seed) for name in (left, right)))
        id = secrets.token_hex(12)
        while len(self._pending) >= MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[id] = BlindPair(turns, left, right, (answers[0], answers[1]))
        messages = [turn._asdict() for turn in turns]
        return {"id": id, "messages": messages, "left": answers[0], "right": answers[1]}

    def take(self, id: str) -> BlindPair:
        """The pair, which can be voted on once."""
        if (pair := self._pending.pop(id, None)) is None:
            raise ApiError(404, "no pair of that id waits for a vote: each takes one", "no_pair", "id")
        return pair

    def put_back(self, id: str, pair: BlindPair) -> None:
        """A vote that could not be kept may be cast again."""
        self._pending[id] = pair

    def count(self, pair: BlindPair, choice: Choice) -> None:
        self._votes.append(Vote(pair.left, pair.right, OUTCOMES[choice]))


def add_arena(app: FastAPI, arena: Arena, recorder: Recorder) -> None:
    """Adds the endpoints."""
    parser = Parser()

    @app.get("/v1/arena")
    async def state() -> dict[str, Any]:
        return arena.standing

    @app.post("/v1/arena/pairs")
    async def pairs(request: Request) -> Response:
        body = await parser.parse(request, PairRequest)
        turns = arena.next_prompt() if body.is_empty else body.turns
        return await unless_gone(request, lambda: _as_response(arena, turns))

    @app.post("/v1/arena/votes")
    async def votes(request: Request) -> Response:
        body = await parser.parse(request, VoteRequest)
        pair = arena.take(body.id)
        try:
            kept = await recorder.record(_entry(pair, body, who(request)))
        except ApiError:
            arena.put_back(body.id, pair)
            raise
        arena.count(pair, body.choice)
        revealed = {"id": kept["id"], "left": pair.left, "right": pair.right, "choice": body.choice}
        return JSONResponse({**revealed, **arena.standing}, 201)


async def _as_response(arena: Arena, turns: tuple[Asked, ...]) -> Response:
    return JSONResponse(await arena.pair(turns))


def _entry(pair: BlindPair, body: VoteRequest, voter: str) -> Feedback:
    return Feedback(
        id=new_id(),
        time=now(),
        who=voter,
        kind="vote",
        model=pair.left,
        other_model=pair.right,
        prompt_sha256=prompt_sha256(pair.turns),
        messages=pair.turns,
        answer=pair.answers[0],
        other_answer=pair.answers[1],
        choice=body.choice,
        comment=body.comment,
    )
