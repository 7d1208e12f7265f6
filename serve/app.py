"""The HTTP endpoints: a request becomes a generation job, its pieces become a response or a stream of events."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import anyio
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from model.chat import Turn
from serve.api_error import ApiError, handle_errors
from serve.catalog import Catalog, model_row
from serve.engine import Sampling
from serve.generation import GenerationJob, Generations, max_answer_tokens, seed_or_random
from serve.limits import Limits
from serve.page_files import serve_page
from serve.parsing import Parser
from serve.requests import ROLES, ChatRequest, CountRequest, GenerationRequest, Message, TextRequest
from serve.responses import DONE, Piece, ResponseBuilder, error_event

log = logging.getLogger("uvicorn.error")
T = TypeVar("T")
CLIENT_CLOSED_REQUEST = 499  # nobody reads it


def application(catalog: Catalog, generations: Generations, limits: Limits) -> FastAPI:
    """The app, without access control (access.py)."""
    app = FastAPI(title="triptych", openapi_url=None)  # its pages of documentation would load scripts from elsewhere
    handle_errors(app)
    serve_page(app)
    _list_models(app, catalog, limits)
    parser = Parser()

    @app.get("/health")
    async def health() -> dict[str, str]:
        if not catalog.main.trouble:
            return {"status": "ok"}
        served, named = catalog.main.served.name, catalog.main.model
        why = f"{served} answers, as what {named} names cannot be used; the server's log says why"
        return {"status": "behind its alias", "why": why}  # open to all: no path of the home

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await parser.parse(request, ChatRequest)
        served = await catalog.served(body.model)
        prompt = await parser.prompt(lambda: served.prompt_builder.of_turns(_turns(body.messages)))
        return await _answer(ResponseBuilder("chat", served), prompt, body, request)

    @app.post("/v1/completions")
    async def completions(request: Request) -> Response:
        body = await parser.parse(request, TextRequest)
        served = await catalog.served(body.model)
        prompt = await parser.prompt(lambda: served.prompt_builder.of_text(body.prompt))
        return await _answer(ResponseBuilder("text", served), prompt, body, request)

    @app.post("/tokenize")  # as vLLM has it: whether a conversation fits is known before it is sent
    async def tokenize(request: Request) -> dict[str, Any]:
        body = await parser.parse(request, CountRequest)
        served = await catalog.served(body.model)
        ids, _ = await parser.prompt(lambda: served.prompt_builder.of_turns(_turns(body.messages)))
        return {"count": len(ids), "max_model_len": served.engine.context, "tokens": ids}

    async def _answer(
        builder: ResponseBuilder, prompt: tuple[list[int], set[int]], body: GenerationRequest, request: Request
    ) -> Response:
        ids, stop = prompt
        most = max_answer_tokens(builder.served, ids, body.tokens, limits)
        sampling = Sampling(most, body.temperature, body.top_p, seed_or_random(body.seed), frozenset(stop))
        continues = isinstance(body, TextRequest) or not builder.served.prompt_builder.answers
        pieces = generations.pieces(GenerationJob(builder.served, tuple(ids), sampling, tuple(body.stop), continues))
        if body.stream:
            await _unless_gone(request, lambda: anext(pieces))
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            return EventStream(pieces, _events(builder, pieces, with_usage))
        return await _unless_gone(request, lambda: _whole(builder, pieces))

    return app


class EventStream(StreamingResponse):
    """Server-sent events, whose pieces are closed however the stream ends: a client that hangs up frees its slot."""

    def __init__(self, pieces: AsyncGenerator[Piece], events: AsyncGenerator[str]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._pieces, self._events = pieces, events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._events.aclose()
            await self._pieces.aclose()


def _list_models(app: FastAPI, catalog: Catalog, limits: Limits) -> None:
    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        rows = await catalog.rows()
        return {"object": "list", "data": [model_row(id, facts, limits.answer_tokens) for id, facts in rows.items()]}

    @app.get("/v1/models/{name:path}")  # a name has slashes
    async def model(name: str) -> dict[str, Any]:
        return model_row(name, await catalog.row(name), limits.answer_tokens)


def _turns(messages: Sequence[Message]) -> list[Turn]:
    return [Turn(ROLES.get(message.role, message.role), message.content) for message in messages]


async def _events(builder: ResponseBuilder, pieces: AsyncGenerator[Piece], with_usage: bool) -> AsyncGenerator[str]:
    try:
        yield builder.opening()
        async for piece in pieces:
            yield builder.chunk(piece)
            if piece.reason and with_usage:
                yield builder.usage(piece)
    except ApiError as error:
        yield error_event(error)
    except Exception:  # the status 200 is sent already, so the client learns of it from an event
        log.exception("an answer failed")
        yield error_event(ApiError.internal())
    else:
        yield DONE


async def _whole(builder: ResponseBuilder, pieces: AsyncGenerator[Piece]) -> Response:
    async with aclosing(pieces):
        all_pieces = [piece async for piece in pieces]
    return JSONResponse(builder.whole("".join(piece.text for piece in all_pieces), all_pieces[-1]))


async def _unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """What the work gives; it is cancelled when the client hangs up first."""
    with anyio.CancelScope() as scope:
        watching = asyncio.create_task(_when_gone(request, scope.cancel))
        try:
            return await work()
        finally:
            watching.cancel()
    raise ApiError(CLIENT_CLOSED_REQUEST, "the client has hung up", "client_gone")


async def _when_gone(request: Request, then: Callable[[], None]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    then()
