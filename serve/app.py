"""The HTTP endpoints: a request becomes a generation job, its pieces become a response or a stream of events."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError, handle_errors
from serve.catalog import Catalog, model_row
from serve.embeddings import embedded
from serve.generation import Generations
from serve.hang_up import unless_gone
from serve.jobs import Prompt, check_fields, ids_of, jobs_of, text_prompt, turns_of
from serve.limits import Limits
from serve.llama_cpp import LlamaCppEngine
from serve.page_files import CHAT_PAGE, serve_page
from serve.parsing import Parser
from serve.requests import ChatRequest, CountRequest, EmbeddingRequest, GenerationRequest, TextRequest
from serve.responses import DONE, Piece, ResponseBuilder, error_event
from serve.tools import answer_with_tools
from serve.upstream import Upstream, pass_on

log = logging.getLogger("uvicorn.error")


def application(
    catalog: Catalog, generations: Generations, limits: Limits, upstream: Upstream | None = None
) -> FastAPI:
    """The app, without access control (access.py). What another server answers is passed on to `upstream`."""
    app = FastAPI(title="triptych", openapi_url=None)  # its pages of documentation would load scripts from elsewhere
    handle_errors(app)
    serve_page(app, CHAT_PAGE)
    _list_models(app, catalog, limits)
    parser = Parser()
    if upstream:
        pass_on(app, upstream, catalog, generations)

    @app.get("/health")
    async def health() -> dict[str, str]:
        if not catalog.main.trouble:
            return {"status": "ok"}
        served, named = catalog.main.served.name, catalog.main.model
        why = f"{served} answers, as what {named} names cannot be used; the server's log says why"
        return {"status": "behind its alias", "why": why}  # open to all: no path of the home

    @app.get("/ready")
    async def ready() -> Response:
        if generations.is_ending:
            return JSONResponse({"status": "stopping"}, 503)
        if not catalog.main.served.engine.is_ready:
            return JSONResponse({"status": "the engine is not running; the next request starts it again"}, 503)
        return JSONResponse({"status": "ready"})

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await parser.parse(request, ChatRequest)
        served = await catalog.served(body.model)
        check_fields(body.special_fields, served.engine)
        if body.is_of_tools:
            return await answer_with_tools(body, served, generations, request)
        await _check_schema(body.json_schema, served)
        prompt = await parser.prompt(lambda: served.prompt_builder.of_turns(turns_of(body.messages)))
        return await _answer(ResponseBuilder("chat", served, body.n, body.logprobs), [Prompt(*prompt)], body, request)

    @app.post("/v1/completions")
    async def completions(request: Request) -> Response:
        body = await parser.parse(request, TextRequest)
        served = await catalog.served(body.model)
        check_fields(body.special_fields, served.engine)
        prompts = await parser.prompt(lambda: [text_prompt(served, given, body.echo) for given in body.prompt])
        builder = ResponseBuilder("text", served, body.n, body.logprobs is not None)
        return await _answer(builder, prompts, body, request)

    @app.post("/v1/embeddings")
    async def embeddings(request: Request) -> Response:
        body = await parser.parse(request, EmbeddingRequest)
        served = await catalog.served(body.model)
        check_fields(["embeddings"], served.engine)
        texts = await parser.run(lambda: [ids_of(served, given) for given in body.input])
        return await unless_gone(request, lambda: embedded(body, texts, served, generations))

    @app.post("/tokenize")  # as vLLM has it: whether a conversation fits is known before it is sent
    async def tokenize(request: Request) -> dict[str, Any]:
        body = await parser.parse(request, CountRequest)
        served = await catalog.served(body.model)
        ids, _ = await parser.prompt(lambda: served.prompt_builder.of_turns(turns_of(body.messages)))
        return {"count": len(ids), "max_model_len": served.engine.context, "tokens": ids}

    async def _answer(
        builder: ResponseBuilder, prompts: Sequence[Prompt], body: GenerationRequest, request: Request
    ) -> Response:
        jobs = list(jobs_of(builder.served, prompts, body, limits))
        pieces = generations.pieces(jobs)
        if body.stream:
            await unless_gone(request, lambda: anext(pieces))
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            return EventStream(pieces, _events(builder, pieces, len(jobs), with_usage))
        return await unless_gone(request, lambda: _whole(builder, pieces))

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


async def _check_schema(json_schema: str, served: LoadedVersion) -> None:
    if json_schema and not await cast(LlamaCppEngine, served.engine).keeps_to(json_schema):
        message = "response_format: the engine cannot keep to this schema; leave out what is uncommon in it"
        raise ApiError(400, message, "unsupported_schema", "response_format")


async def _events(
    builder: ResponseBuilder, pieces: AsyncGenerator[Piece], choices: int, with_usage: bool
) -> AsyncGenerator[str]:
    last, offsets = list[Piece](), [0] * choices
    try:
        yield builder.opening(choices)
        async for piece in pieces:
            if piece.text or piece.reason or piece.scores:
                yield builder.chunk(piece, offsets[piece.index])
            offsets[piece.index] += len(piece.text)
            if piece.reason:
                last.append(piece)
        if with_usage:
            yield builder.usage_chunk(last)
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
    return JSONResponse(builder.whole(all_pieces))
