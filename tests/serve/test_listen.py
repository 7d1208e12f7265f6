"""The beginning and the end of a server."""

import signal
import subprocess

from tests.serve.conftest import MODEL, Server, serving, start


def refused(home, *arguments: str) -> tuple[int, str]:
    with start(home, *arguments, stderr=subprocess.PIPE) as process:
        _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    return process.returncode, said


def test_a_taken_port_is_told_with_a_cure(home, open_server: Server):
    code, said = refused(home, MODEL, "--port", open_server.url.rpartition(":")[2])
    assert code == 1
    assert "cannot listen at 127.0.0.1" in said
    assert "cure: --port" in said


def test_another_address_than_loopback_asks_for_a_key_first(home):
    code, said = refused(home, MODEL, "--host", "0.0.0.0")
    assert code == 2
    assert "cure: triptych keys add NAME" in said


def test_a_wrong_limit_is_told_with_the_nearest(home):
    code, said = refused(home, MODEL, "--set", "slot=3", "--set", "queue=many")
    assert code == 2
    assert "did you mean slots?" in said
    assert "queue=many" in said


def test_ctrl_c_ends_it_once_the_answer_in_work_is_finished(home, tmp_path):
    with serving(home, tmp_path) as server, server.client() as client:
        asked = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
        running = client.chat.completions.create(**asked, max_tokens=300, temperature=0, stream=True)
        next(running)
        server.process.send_signal(signal.SIGINT)
        assert [chunk.choices[0].finish_reason for chunk in running][-1] == "length"
        assert server.process.wait(20) == 130
        assert server.said.read_text().splitlines()[-1] == "stopped"
