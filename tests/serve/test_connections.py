"""What a connection can cost the others: slow heads, answers left unread, and more of them than there is room for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from serve.connections import accept_failures_reported_once, with_limits
from serve.limits import Limits
from tests.serve.stand_in import CHAT, Follower, app_of

WHOLE, HALF = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /health HTTP/1.1\r\n"


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
        follower.served.prompt_builder.vocabulary.decode_bytes = lambda ids, continues: b"x" * 100_000
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
