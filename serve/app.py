"""The HTTP endpoints: a request becomes a generation job, its pieces become a response or a stream of events."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from importlib.resources import files
from typing import Any, TypeVar

import anyio
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from model.chat import Turn
from serve.alias_follower import AliasFollower, LoadedVersion
from serve.api_error import ApiError
from serve.engine import Sampling
from serve.generation import GenerationJob, Generations, max_answer_tokens, seed_or_random
from serve.limits import Limits
from serve.parsing import Parser
from serve.requests import ROLES, ChatRequest, GenerationRequest, TextRequest
from serve.responses import DONE, Piece, ResponseBuilder, error_event, model_list

log = logging.getLogger("uvicorn.error")
T = TypeVar("T")
PAGE = {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript", "/icon.svg": "image/svg+xml"}
CLIENT_CLOSED_REQUEST = 499  # nobody reads it


def application(follower: AliasFollower, generations: Generations, limits: Limits) -> FastAPI:
    """The app, without access control (access.py)."""
    app = FastAPI(title="triptych", openapi_url=None)  # its pages of documentation would load scripts from elsewhere
    _handle_errors(app)
    _serve_page(app)
    parser = Parser()

    @app.get("/health")
    async def health() -> dict[str, str]:
        if not follower.trouble:
            return {"status": "ok"}
        why = (
            f"{follower.served.name} answers, as what {follower.model} names cannot be used; the server's log says why"
        )
        return {"status": "behind its alias", "why": why}  # open to all: no path of the home

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        served = await follower.current()
        return model_list(follower.names, served)

    @app.get("/v1/models/{name:path}")  # a name has slashes
    async def model(name: str) -> dict[str, Any]:
        served = await _served(name or "/")
        return model_list((name,), served)["data"][0]

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await parser.parse(request, ChatRequest)
        served = await _served(body.model)
        turns = [Turn(ROLES.get(message.role, message.role), message.content) for message in body.messages]
        prompt = await parser.run(lambda: served.prompt_builder.of_turns(turns))
        return await _answer(ResponseBuilder("chat", served), prompt, body, request)

    @app.post("/v1/completions")
    async def completions(request: Request) -> Response:
        body = await parser.parse(request, TextRequest)
        served = await _served(body.model)
        prompt = await parser.run(lambda: served.prompt_builder.of_text(body.prompt))
        return await _answer(ResponseBuilder("text", served), prompt, body, request)

    async def _served(model: str) -> LoadedVersion:
        served = await follower.current()
        if model and model not in follower.names:
            message = f"no model {model!r} here; there is {', '.join(follower.names)}"
            raise ApiError(404, message, "model_not_found", "model")
        return served

    async def _answer(
        builder: ResponseBuilder, prompt: tuple[list[int], set[int]], body: GenerationRequest, request: Request
    ) -> Response:
        ids, stop = prompt
        most = max_answer_tokens(builder.served, ids, body.tokens, limits)
        sampling = Sampling(most, body.temperature, body.top_p, seed_or_random(body.seed), frozenset(stop))
        pieces = generations.pieces(GenerationJob(builder.served, tuple(ids), sampling, tuple(body.stop)))
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


def _handle_errors(app: FastAPI) -> None:
    """Every error response has the same shape."""

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Response:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def not_found(request: Request, error: HTTPException) -> Response:
        message = f"{request.method} {request.url.path}: {error.detail}"
        refusal = ApiError(error.status_code, message, "invalid_request")
        return JSONResponse(refusal.body, refusal.status, error.headers)

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        refusal = ApiError.internal()
        return JSONResponse(refusal.body, refusal.status)


def _serve_page(app: FastAPI) -> None:
    folder = files("serve") / "page"
    for path, kind in PAGE.items():
        page = Response((folder / (path.strip("/") or "index.html")).read_bytes(), media_type=kind)
        app.add_route(path, lambda _, page=page: page)
