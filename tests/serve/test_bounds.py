"""What one client can cost the others: the app and its connections in this process, with a model made up."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from serve.alias_follower import AliasFollower
from serve.app import application
from serve.catalog import Catalog
from serve.connections import accept_failures_reported_once, with_limits
from serve.generation import Generations
from serve.limits import Limits
from serve.model_facts import ModelFacts
from serve.requests import ChatRequest
from tasks.errors import UsageError
from tasks.home import Home

CHAT = {"messages": [{"role": "user", "content": "hello"}]}


class Follower:
    """Follows nothing: one version, whose prompts and tokens come from the test."""

    model, names, trouble = "tiny@champion", ("tiny@champion",), ""

    def __init__(self, of_turns=lambda turns: ([1], {0}), generate=lambda prompt, sampling: (id for id in ())) -> None:
        builder = SimpleNamespace(of_turns=of_turns, answers=True, vocabulary=SimpleNamespace(decode_bytes=bytes))
        engine = SimpleNamespace(context=1000, generate=generate)
        facts = ModelFacts("tiny/1", 0, 1000, answers=True)
        self.served: Any = SimpleNamespace(
            name="tiny/1", fingerprint="", prompt_builder=builder, engine=engine, facts=facts
        )

    async def current(self):
        return self.served


def app_of(follower: Follower, limits: Limits | None = None) -> FastAPI:
    limits = limits or Limits(models=1)
    catalog = Catalog(Home(Path()), cast(AliasFollower, follower), lambda _: follower.served.engine, most=1)
    return application(catalog, Generations(limits), limits)


def client_of(follower: Follower) -> httpx.AsyncClient:
    app = app_of(follower)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test")


def test_other_clients_are_answered_while_a_prompt_is_tokenized():
    started, release = threading.Event(), threading.Event()

    def of_turns(turns):
        started.set()
        assert release.wait(30)
        return [1], {0}

    async def run():
        async with client_of(Follower(of_turns)) as client:
            slow = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
            try:
                assert await asyncio.to_thread(started.wait, 30)
                models = await client.get("/v1/models")
                assert models.json()["data"][0]["version"] == "tiny/1" and not slow.done()
            finally:
                release.set()
            assert (await slow).status_code == 200

    asyncio.run(run())


MANY = 100_000


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [1] * MANY},
        {"messages": [{"role": "user"}] * MANY},
        {"messages": [{str(number): 1 for number in range(MANY)}]},
        CHAT | {str(number): 1 for number in range(MANY)},
        CHAT | {"metadata": {str(number): 1 for number in range(MANY)}},
        CHAT | {"stop": [1] * MANY},
        CHAT | {"messages": [{"role": "user", "content": [1] * MANY}]},
    ],
    ids=lambda fields: ",".join(list(fields)[:2]),
)
def test_a_body_full_of_mistakes_is_refused_at_the_first_ones(fields):
    body = json.dumps(fields).encode()
    with pytest.raises(ValidationError) as refused:
        ChatRequest.model_validate_json(body)
    assert refused.value.error_count() < 40

    async def run():
        async with client_of(Follower()) as client:
            return await client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})

    answer = asyncio.run(run())
    assert answer.status_code == 400 and len(answer.content) < 1000


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_sent_as_json_is_refused(kind):
    async def run():
        async with client_of(Follower()) as client:
            return await client.post("/v1/chat/completions", content=json.dumps(CHAT), headers={"Content-Type": kind})

    answer = asyncio.run(run())
    assert answer.status_code == 400 and "application/json" in answer.json()["error"]["message"]


def test_a_failure_inside_a_stream_is_its_last_event(caplog):
    def generate(prompt, sampling):
        yield 104
        raise RuntimeError("the engine broke")

    async def run():
        async with client_of(Follower(generate=generate)) as client:
            return await client.post("/v1/chat/completions", json=CHAT | {"stream": True})

    events = [line for line in asyncio.run(run()).text.split("\n\n") if line]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "internal_error"
    assert not any("[DONE]" in event or "the engine broke" in event for event in events)
    assert "the engine broke" in caplog.text


def test_health_names_no_path_of_the_home():
    follower = Follower()
    follower.trouble = "/home/me/store/model.safetensors: not what was registered"

    async def run():
        async with client_of(follower) as client:
            return (await client.get("/health")).json()

    health = asyncio.run(run())
    assert health["status"] == "behind its alias" and "/home" not in health["why"]


@asynccontextmanager
async def listening(app, **limits) -> AsyncIterator[int]:
    config = uvicorn.Config(app, port=0, http=with_limits(Limits(**limits)), log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.force_exit = server.should_exit = True
        await serving


async def ask(port: int, sent: bytes, read_at_most: int = 2**16) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=read_at_most)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def answer_ok(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def test_a_client_that_leaves_its_answer_unread_loses_its_connection_and_frees_its_slot(capsys):
    def generate(prompt, sampling):
        while sampling.max_tokens > 1:  # for ever
            yield from b"x" * 1000

    limits = Limits(write_seconds=0.3, slots=1, queue=0)
    body = json.dumps(CHAT | {"stream": True, "max_tokens": 900}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    request = head + f"content-length: {len(body)}\r\n\r\n".encode() + body

    async def run():
        follower = Follower(generate=generate)
        follower.served.prompt_builder.vocabulary.decode_bytes = lambda ids: b"x" * 100_000
        app = app_of(follower, limits)
        async with listening(app, write_seconds=0.3) as port:
            reader, writer = await ask(port, request, read_at_most=1024)
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            until = asyncio.get_running_loop().time() + 30
            while True:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as other:
                    answer = await other.post("/v1/chat/completions", json=CHAT | {"max_tokens": 1})
                if answer.status_code == 200:
                    break
                assert answer.status_code == 429 and asyncio.get_running_loop().time() < until
                await asyncio.sleep(0.1)
            writer.close()

    asyncio.run(run())
    assert "127.0.0.1 has read nothing of its answer for 0.3 s" in capsys.readouterr().err


def test_turns_that_the_model_has_no_marks_for_are_refused_with_the_reason():
    def of_turns(turns):
        raise UsageError("this model's chat template marks turns otherwise", "choose another")

    async def run():
        async with client_of(Follower(of_turns)) as client:
            return [await client.post(path, json=CHAT) for path in ("/v1/chat/completions", "/tokenize")]

    for answer in asyncio.run(run()):
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "this model's chat template marks turns otherwise; choose another"


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/completions", "/v1/completions"),
        ("/v1/chat/completion/", "/v1/chat/completions"),
        ("/models", "/v1/models"),
    ],
)
def test_a_path_beside_an_endpoint_names_it(path, meant):
    async def run():
        async with client_of(Follower()) as client:
            return await client.post(path, json=CHAT)

    answer = asyncio.run(run())
    assert answer.status_code == 404 and f"did you mean {meant}?" in answer.json()["error"]["message"]


@pytest.mark.parametrize("fields", [{"tools": []}, {"tools": [{"type": "function"}], "tool_choice": "none"}])
def test_tools_that_are_not_to_be_called_are_ignored(fields):
    assert ChatRequest.model_validate(CHAT | fields).messages


@pytest.mark.parametrize("fields", [{}, {"tool_choice": "auto"}, {"tool_choice": None}])
def test_tools_to_be_called_are_refused(fields):
    with pytest.raises(ValidationError, match=r"tools\n  not supported here"):
        ChatRequest.model_validate(CHAT | {"tools": [{"type": "function"}]} | fields)


WHOLE, HALF = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /health HTTP/1.1\r\n"


def test_clients_that_send_half_a_request_keep_nobody_out():
    async def run():
        async with listening(answer_ok, connections=5, head_seconds=60) as port:
            slow = [await ask(port, HALF) for _ in range(20)]
            reader, writer = await ask(port, WHOLE)
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            with_end = [asyncio.create_task(reader.read()) for reader, _ in slow]
            done, waiting = await asyncio.wait(with_end, timeout=0.5)
            assert (len(done), len(waiting)) == (16, 4)
            for _, other in (*slow, (reader, writer)):
                other.close()

    asyncio.run(run())


def test_a_connection_without_a_whole_head_is_ended_in_time():
    async def run():
        async with listening(answer_ok, head_seconds=0.2) as port:
            for first, second in ((b"", b""), (HALF, b""), (WHOLE, HALF)):
                reader, writer = await ask(port, first)
                if second:
                    assert await reader.readuntil(b"\r\n\r\n")
                    writer.write(second)
                with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                    await asyncio.wait_for(reader.readexactly(10_000), 20)
                writer.close()

    asyncio.run(run())


def test_a_request_in_progress_is_never_ended_for_a_new_connection():
    async def run():
        release = asyncio.Event()

        async def slow(scope, receive, send):
            await release.wait()
            await answer_ok(scope, receive, send)

        async with listening(slow, connections=2, head_seconds=0.2) as port:
            working = [await ask(port, WHOLE) for _ in range(2)]
            await asyncio.sleep(0.3)
            reader, writer = await ask(port, b"")
            assert await reader.readline() == b"HTTP/1.1 503 Service Unavailable\r\n"
            release.set()
            for reader, _ in working:
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            for _, other in (*working, (reader, writer)):
                other.close()

    asyncio.run(run())


def test_connections_that_cannot_be_accepted_are_reported_once(capsys):
    async def run():
        handle = accept_failures_reported_once()
        for _ in range(1000):
            context = {"message": "socket.accept() out of system resource", "exception": OSError(24, "Too many files")}
            handle(asyncio.get_running_loop(), context)

    asyncio.run(run())
    assert capsys.readouterr().err.count("ulimit -n") == 1
