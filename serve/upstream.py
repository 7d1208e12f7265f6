"""Another server with OpenAI's API as the engine: requests are passed on, behind our keys, limits and aliases.

which model     its model named as the version that answers here (NAME/VERSION), as the alias (NAME@ALIAS) or NAME;
                else the only one that it has
its key         TRIPTYCH_UPSTREAM_KEY in the environment; it is never shown
"""

import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError
from serve.catalog import Catalog
from serve.generation import Generations
from serve.hang_up import unless_gone
from serve.parsing import Parser
from serve.responses import error_event
from serve.upstream_engine import KEY
from tasks.progress import say

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
TOKEN_FIELDS = ("max_tokens", "max_completion_tokens")


class Upstream:
    """A client of that server."""

    def __init__(self, url: str, seconds: float) -> None:
        """`seconds`: of silence, after which a request is given up."""
        key = os.environ.get(KEY, "")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(seconds, connect=min(10.0, seconds))
        self.url = url
        self._client = httpx.AsyncClient(base_url=url.removesuffix("/v1"), headers=headers, timeout=timeout)

    async def model_for(self, served: LoadedVersion, alias: str) -> str:
        """Its name of the model that answers here; ApiError where it has none of that name, but several."""
        response = await self._send(self._client.build_request("GET", "/v1/models"))
        try:
            there = [row["id"] for row in json.loads(await self._content(response))["data"]]
        except (ValueError, KeyError, TypeError) as error:
            raise self._failure(502, "gives no list of models") from error
        names = (served.name, alias, served.name.partition("/")[0])
        if name := next((name for name in names if name in there), None):
            return name
        if len(there) != 1:
            raise self._failure(502, f"has no model {served.name}; there is {', '.join(there) or 'none'}")
        return there[0]

    async def open(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Its response, whose content is still to come; ApiError where it is an error."""
        response = await self._send(self._client.build_request("POST", path, json=body))
        if response.is_success:
            return response
        content = await self._content(response)
        if response.status_code == 429:
            raise ApiError(429, f"the engine at {self.url} is busy", "upstream_busy", Retry_After="2")
        if response.status_code in {401, 403}:
            raise self._failure(502, f"refuses this server's key; {KEY} in its environment is sent")
        status = response.status_code if response.status_code in {400, 404, 413, 422} else 502
        raise self._failure(status, f"answered {response.status_code}: {_message(content)}")

    async def content(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        """The content as it comes; the response is closed with the generator."""
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        except httpx.TimeoutException as error:
            raise self._failure(504, "has fallen silent") from error
        except httpx.HTTPError as error:
            raise self._failure(502, f"broke off ({type(error).__name__})") from error
        finally:
            await response.aclose()

    async def _content(self, response: httpx.Response) -> bytes:
        async with aclosing(self.content(response)) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request, stream=True)
        except httpx.TimeoutException as error:
            raise self._failure(504, "did not answer in time") from error
        except httpx.HTTPError as error:
            raise self._failure(502, f"cannot be reached ({type(error).__name__})") from error

    def _failure(self, status: int, what: str) -> ApiError:
        say(f"the engine at {self.url} {what}")
        return ApiError(status, f"the engine at {self.url} {what}", "upstream_failed")


def pass_on(app: FastAPI, upstream: Upstream, catalog: Catalog, generations: Generations) -> None:
    """Adds the endpoints whose requests go there, each with a slot held."""
    parser = Parser()

    async def answer(request: Request) -> Response:
        body = await parser.parse_object(request)
        named = body.get("model", "")
        served = await catalog.served(named if isinstance(named, str) else "")
        if request.url.path != "/v1/embeddings":
            body |= _tokens(body, generations)
        chunks = _passed_on(request.url.path, body, served)
        first = await unless_gone(request, lambda: anext(chunks))
        if body.get("stream"):
            return StreamingResponse(_stream(first, chunks), media_type="text/event-stream")
        async with aclosing(chunks):
            content = first + b"".join([chunk async for chunk in chunks])
        return Response(content, media_type="application/json")

    async def _passed_on(path: str, body: dict[str, Any], served: LoadedVersion) -> AsyncGenerator[bytes]:
        async with generations.slots.slot():
            body["model"] = await upstream.model_for(served, catalog.main.model)
            response = await upstream.open(path, body)
            async with aclosing(upstream.content(response)) as chunks:
                async for chunk in chunks:
                    yield chunk

    for path in PATHS:
        app.add_api_route(path, answer, methods=["POST"])


async def _stream(first: bytes, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(chunks):
        yield first
        try:
            async for chunk in chunks:
                yield chunk
        except ApiError as error:
            yield error_event(error).encode()


def _tokens(body: dict[str, Any], generations: Generations) -> dict[str, Any]:
    """The default where the request says nothing; ApiError where it asks for more tokens than an answer may have."""
    most, asked = generations.limits.answer_tokens, [body[name] for name in TOKEN_FIELDS if body.get(name) is not None]
    if wrong := next((count for count in asked if not isinstance(count, int) or count > most), None):
        raise ApiError(400, f"max_tokens: {wrong}; an answer has {most:,} at most", "invalid_request", "max_tokens")
    return {} if asked else {"max_tokens": min(most, generations.limits.default_tokens)}


def _message(content: bytes) -> str:
    try:
        error = json.loads(content)
        error = error.get("error", error)
        return str(error.get("message") or error.get("detail") or error)[:300]
    except (ValueError, AttributeError):
        return content[:200].decode(errors="replace")
