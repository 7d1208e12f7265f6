"""Another server as the engine: requests go on with its key and its name of the model, and its failures are named."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from serve.alias_follower import AliasFollower
from serve.app import application
from serve.catalog import Catalog
from serve.generation import Generations
from serve.limits import Limits
from serve.upstream import Upstream
from serve.upstream_engine import KEY, upstream_url
from tasks.errors import UsageError
from tasks.home import Home
from tests.serve.stand_in import CHAT, Follower

MODELS = ["tiny/1", "other"]


class Other:
    """An OpenAI-compatible server that remembers what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.answer: Response | None = None
        self.app = FastAPI()

        @self.app.get("/v1/models")
        async def models() -> dict[str, Any]:
            return {"data": [{"id": name} for name in MODELS]}

        @self.app.post("/v1/chat/completions")
        async def chat(request: Request) -> Response:
            self.keys.add(request.headers.get("authorization", ""))
            self.bodies.append(await request.json())
            if self.answer:
                return self.answer
            if not self.bodies[-1].get("stream"):
                return JSONResponse({"choices": [{"message": {"content": "hello"}}], "model": "tiny/1"})
            return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[str]:
        for word in ("hel", "lo"):
            yield f'data: {{"choices": [{{"delta": {{"content": "{word}"}}}}]}}\n\n'
        yield "data: [DONE]\n\n"


@asynccontextmanager
async def both(other: Other, seconds: float = 5.0) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ours, which passes on to the other, on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(other.app, port=0, log_level="error"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with client_of_ours(f"http://127.0.0.1:{port}", seconds) as client:
            yield client
    finally:
        server.should_exit = True
        await running


def client_of_ours(url: str, seconds: float = 5.0) -> httpx.AsyncClient:
    follower, limits = Follower(), Limits(models=1)
    catalog = Catalog(Home(Path()), cast(AliasFollower, follower), lambda _: follower.served.engine, most=1)
    app = application(catalog, Generations(limits, 4), limits, Upstream(upstream_url(url), seconds))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ours")


def ask(other: Other, **fields: Any) -> httpx.Response:
    async def run() -> httpx.Response:
        async with both(other) as client:
            return await client.post("/v1/chat/completions", json=CHAT | fields)

    return asyncio.run(run())


def test_a_request_goes_on_with_the_servers_key_and_the_name_that_is_known_there(monkeypatch):
    monkeypatch.setenv(KEY, "secret")
    other = Other()
    answer = ask(other, model="tiny@champion", top_k=3)
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert other.bodies == [CHAT | {"model": "tiny/1", "top_k": 3, "max_tokens": Limits().default_tokens}]
    assert other.keys == {"Bearer secret"}


def test_a_stream_is_passed_on(monkeypatch):
    monkeypatch.delenv(KEY, raising=False)
    other = Other()
    answer = ask(other, stream=True)
    events = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    texts = [json.loads(event)["choices"][0]["delta"]["content"] for event in events[:-1]]
    assert (texts, events[-1], other.keys) == (["hel", "lo"], "[DONE]", {""})


@pytest.mark.parametrize(
    ("theirs", "status", "words"),
    [
        (JSONResponse({"error": {"message": "no such field: x"}}, 400), 400, "no such field: x"),
        (JSONResponse({"error": {"message": "wrong"}}, 401), 502, f"refuses this server's key; {KEY}"),
        (Response("out of memory", 500), 502, "answered 500: out of memory"),
        (Response("", 429), 429, "is busy"),
    ],
)
def test_its_errors_are_answered_as_errors_that_name_it(theirs, status, words):
    other = Other()
    other.answer = theirs
    answer = ask(other)
    assert answer.status_code == status and words in answer.json()["error"]["message"]


def test_limits_of_tokens_hold_for_it_too():
    other = Other()
    answer = ask(other, max_tokens=10_000)
    assert answer.status_code == 400 and not other.bodies and "4,096 at most" in answer.json()["error"]["message"]


def test_a_server_that_is_not_there_or_silent_is_a_502_or_a_504():
    async def silent() -> httpx.Response:
        gone = asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()
            gone.set()

        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, client_of_ours(f"http://127.0.0.1:{port}/v1", seconds=0.2) as client:
            answer = await client.post("/v1/chat/completions", json=CHAT)
            await gone.wait()
            return answer

    async def absent() -> httpx.Response:
        async with client_of_ours("http://127.0.0.1:9") as client:
            return await client.post("/v1/chat/completions", json=CHAT)

    assert (asyncio.run(silent()).status_code, asyncio.run(absent()).status_code) == (504, 502)


def test_an_engine_that_is_no_address_is_refused():
    for choice in ("ftp://host/v1", "http://", "http://user:hunter2@host/v1", "http://host/v1?x=1"):
        with pytest.raises(UsageError, match="address") as refused:
            upstream_url(choice)
        assert "hunter2" not in str(refused.value)
    assert upstream_url("http://host:1/v1/") == upstream_url("http://host:1") == "http://host:1/v1"
