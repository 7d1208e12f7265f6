"""Prefect's REST interface: a busy server is tried again, a refusal is the caller's, silence is an error with a fix."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from flows.servers import prefect_api
from flows.servers.detached_process import LOOPBACK, free_port
from flows.servers.prefect_api import PrefectApi
from tasks.errors import UserError

PASSWORD = "triptych:secret"


@contextmanager
def server(*answers: tuple[int, bytes]) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A server that gives these answers in turn, the last one for ever; its address and what it was sent."""
    requests: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = answers[min(len(requests), len(answers) - 1)]
            requests.append((self.command, self.path, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer((LOOPBACK, 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://{LOOPBACK}:{listening.server_port}/api", requests
        listening.shutdown()
        thread.join()


def test_a_busy_server_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_api, "AGAIN_SECONDS", 0.0)
    with server((503, b"busy"), (503, b"busy"), (200, b'{"id": 7}')) as (url, requests):
        assert PrefectApi(url, PASSWORD).post("/flows/", {"name": "pipeline"}) == {"id": 7}
    assert requests == [("POST", "/api/flows/", b'{"name":"pipeline"}')] * 3


def test_a_server_that_stays_busy_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_api, "BUSY_SECONDS", 0.0)
    with server((503, b"busy")) as (url, requests), pytest.raises(httpx.HTTPStatusError, match="503"):
        PrefectApi(url, PASSWORD).get("/health")
    assert len(requests) == 1


@pytest.mark.parametrize("send", [PrefectApi.get, lambda prefect, path: prefect.patch(path, {})])
def test_a_refusal_is_the_callers_to_read(send: Callable[[PrefectApi, str], Any]) -> None:
    with server((404, b"{}")) as (url, _), pytest.raises(httpx.HTTPStatusError) as refused:
        send(PrefectApi(url, PASSWORD), "/deployments/name/no/such")
    assert refused.value.response.status_code == 404


def test_an_answer_without_a_body_is_none() -> None:
    with server((204, b"")) as (url, _):
        assert PrefectApi(url, PASSWORD).patch("/deployments/1", {"paused": True}) is None


def test_a_server_that_does_not_answer_is_reported_with_a_fix() -> None:
    with pytest.raises(UserError, match="does not answer") as raised:
        PrefectApi(f"http://{LOOPBACK}:{free_port()}/api", PASSWORD).get("/health")
    assert "triptych up --stop" in raised.value.cure
