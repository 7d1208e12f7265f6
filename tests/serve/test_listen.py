"""The beginning and the end of a server."""

import signal
import subprocess
from collections.abc import Iterator

import pytest
from openai import RateLimitError

from tests.serve.conftest import MODEL, Server, serving, start

ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "temperature": 0}


def refused(home, *arguments: str) -> tuple[int, str]:
    with start(home, *arguments, stderr=subprocess.PIPE) as process:
        _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    return process.returncode, said


def test_a_taken_port_is_told_with_a_cure(home, open_server: Server):
    code, said = refused(home, MODEL, "--port", open_server.url.rpartition(":")[2])
    assert code == 1
    assert "cannot listen at 127.0.0.1" in said
    assert "fix: --port" in said


def test_another_address_than_loopback_asks_for_a_key_first(home):
    code, said = refused(home, MODEL, "--host", "0.0.0.0")
    assert code == 2
    assert "fix: triptych keys add NAME" in said


def test_a_wrong_limit_is_told_with_the_nearest(home):
    code, said = refused(home, MODEL, "--set", "slot=3", "--set", "queue=many")
    assert code == 2
    assert "did you mean slots?" in said
    assert "queue=many" in said


@pytest.fixture(scope="module")
def hurried(home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One answer at a time, of a second at most; who waits is told so soon."""
    limits = ("slots=1", "answer_seconds=1", "queue_seconds=0.2", "answer_tokens=16000")
    with serving(home, tmp_path_factory.mktemp("hurried"), limits) as server:
        yield server


def test_an_answer_ends_when_its_time_is_over_and_who_waits_too_long_is_told(hurried: Server):
    with hurried.client() as client:
        long = client.chat.completions.create(**ASKED, max_tokens=15_000, stream=True)
        next(long)
        with pytest.raises(RateLimitError, match="no slot came free within 0"):
            client.chat.completions.create(**ASKED, max_tokens=1)
        chunks = list(long)
        assert chunks[-1].choices[0].finish_reason == "length"
        assert 0 < len(chunks) < 15_000


def test_ctrl_c_ends_it_once_the_answer_in_work_is_finished(hurried: Server):
    with hurried.client() as client:
        running = client.chat.completions.create(**ASKED, max_tokens=200, stream=True)
        next(running)
        hurried.process.send_signal(signal.SIGINT)
        assert [chunk.choices[0].finish_reason for chunk in running][-1] == "length"
        assert hurried.process.wait(20) == 130
        assert hurried.said.read_text().splitlines()[-1] == "stopped"
