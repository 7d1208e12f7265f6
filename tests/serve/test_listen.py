"""How a server starts, refuses to start, and ends."""

import signal
import socket
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from openai import RateLimitError

from serve.engine import Engine, ModelFiles
from serve.limits import Limits
from serve.listen import Address, Wanted, serve
from serve.opening import answers_while_loading
from tasks.errors import UserError
from tests.serve.conftest import MODEL, Server, serving, start

REQUEST = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "temperature": 0}


def failed_start(home, *arguments: str) -> tuple[int, str]:
    with start(home, *arguments, stderr=subprocess.PIPE) as process:
        _, message = process.communicate(timeout=60)
    assert "Traceback" not in message
    return process.returncode, message


def test_a_taken_port_is_an_error_with_a_fix(home, open_server: Server):
    code, message = failed_start(home, MODEL, "--port", open_server.url.rpartition(":")[2])
    assert code == 1
    assert "cannot listen at 127.0.0.1" in message
    assert "fix: --port" in message


def test_an_address_other_than_loopback_requires_a_key_first(home):
    code, message = failed_start(home, MODEL, "--host", "0.0.0.0")
    assert code == 2
    assert "fix: triptych keys add NAME" in message


def test_a_name_for_other_machines_requires_a_key_first(home):
    code, message = failed_start(home, MODEL, "--name", "api.example.com")
    assert code == 2
    assert "--name api.example.com" in message and "fix: triptych keys add NAME" in message


def test_an_unknown_limit_is_reported_with_the_nearest(home):
    code, message = failed_start(home, MODEL, "--set", "slot=3", "--set", "queue=many")
    assert code == 2
    assert "did you mean slots?" in message
    assert "queue=many" in message


def test_while_the_first_model_loads_probes_are_answered_and_a_failed_load_ends_the_command(home):
    answers = dict[str, httpx.Response]()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def load(_: ModelFiles) -> Engine:
        for path in ("/health", "/ready", "/v1/models"):
            answers[path] = httpx.get(f"http://127.0.0.1:{port}{path}")
        answers["chat"] = httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=REQUEST)
        raise UserError("these weights cannot be loaded", "take others")

    wanted = Wanted(home, lambda: MODEL, load, lambda *_: None)
    with pytest.raises(UserError, match="cannot be loaded"):
        serve(wanted, Address("127.0.0.1", port), Limits(), lambda _: pytest.fail("it was announced"))
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "/health": 200,
        "/ready": 503,
        "/v1/models": 503,
        "chat": 503,
    }
    for name in ("/ready", "chat"):
        assert answers[name].headers["retry-after"] == "2" and "is being loaded" in answers[name].text
    assert answers["chat"].json()["error"]["code"] == "model_loading"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


def test_who_comes_between_loading_and_serving_waits_and_is_not_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with answers_while_loading(listener, {"log_level": "warning"}):
            address = listener.getsockname()
            assert httpx.get(f"http://127.0.0.1:{address[1]}/ready").status_code == 503
        with socket.create_connection(address) as client:
            client.sendall(b"x")
            listener.settimeout(5)
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(1) == b"x"


@pytest.fixture(scope="module")
def hurried_server(home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one answer at a time, of a second at most, with a wait of 0.2 s."""
    limits = ("slots=1", "answer_seconds=1", "queue_seconds=0.2", "answer_tokens=16000")
    with serving(home, tmp_path_factory.mktemp("hurried"), limits) as server:
        yield server


def test_an_answer_ends_at_its_time_limit_and_a_long_wait_is_refused(hurried_server: Server):
    with hurried_server.client() as client:
        long = client.chat.completions.create(**REQUEST, max_tokens=15_000, stream=True)
        next(long)
        with pytest.raises(RateLimitError, match="no slot came free within 0"):
            client.chat.completions.create(**REQUEST, max_tokens=1)
        chunks = list(long)
        assert chunks[-1].choices[0].finish_reason == "length"
        assert 0 < len(chunks) < 15_000


def test_ctrl_c_ends_the_server_once_the_current_answer_is_finished(hurried_server: Server):
    with hurried_server.client() as client:
        running = client.chat.completions.create(**REQUEST, max_tokens=200, stream=True)
        next(running)
        hurried_server.process.send_signal(signal.SIGINT)
        assert [chunk.choices[0].finish_reason for chunk in running][-1] == "length"
        assert hurried_server.process.wait(20) == 130
        assert hurried_server.stderr.read_text().splitlines()[-1] == "stopped"
