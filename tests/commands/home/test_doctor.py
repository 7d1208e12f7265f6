"""`doctor` beside real processes that stand in for a home's servers: same command line, real sockets."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands.home.doctor import examine
from commands.home.doctor_processes import QUIET_IF
from flows.servers import detached_process
from flows.servers.detached_process import LOOPBACK, Detached
from flows.servers.prefect_server import SERVER, running
from tasks.home import Home
from tests.processes import wait_until

LISTEN = """
import socket, sys
listening = socket.create_server((sys.argv[1], 0))
print(listening.getsockname()[1], flush=True)
sys.stdin.read()
"""
Start = Callable[..., tuple[int, int]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "runs" / "prefect").mkdir(parents=True)
    return Home(tmp_path / "runs")


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(home, address)`: pid and port of a process with the command line of MLflow's server of that home."""
    started: list[subprocess.Popen[str]] = []

    def run(home: Home, address: str = LOOPBACK, **variables: str) -> tuple[int, int]:
        command = [sys.executable, "-c", LISTEN, address, "-m", "mlflow", "server", f"sqlite:///{home}/mlflow.db"]
        settings = {k: v for k, v in os.environ.items() if k != "TRIPTYCH_HOME"} | QUIET_IF["mlflow"] | variables
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=home, env=settings, **pipes))
        assert started[-1].stdout
        return started[-1].pid, int(started[-1].stdout.readline())

    yield run
    for process in started:
        process.communicate("")  # the end of its input ends it


def record(home: Home, pid: int, port: int) -> None:
    detached_process.write_record(home, "mlflow-ui", detached_process.of(pid, f"http://{LOOPBACK}:{port}"))


def findings(home: Home, level: str) -> list[dict[str, str]]:
    """The findings of that level."""
    return [row for row in examine(home) if row["level"] == level]


def test_a_server_beyond_loopback_is_an_error_and_one_on_loopback_is_not(home, start):
    pid, port = start(home)
    record(home, pid, port)
    assert not findings(home, "error")
    assert any("loopback only" in row["what"] for row in findings(home, "ok"))
    pid, port = start(home, "0.0.0.0")
    record(home, pid, port)
    (error,) = findings(home, "error")
    assert f"0.0.0.0:{port}" in error["what"] and str(pid) in error["cure"]


def test_a_process_without_a_record_and_one_of_a_home_that_is_gone_are_left_over(home, start):
    pid, _ = start(home)
    gone = home.path.with_name("gone")
    gone.mkdir()
    orphan, _ = start(gone)
    shutil.rmtree(gone)
    cures = {row["cure"] for row in findings(home, "warning")}
    assert {f"kill {pid}", f"kill {orphan}"} <= cures
    record(home, pid, 1)
    assert f"kill {pid}" not in {row["cure"] for row in findings(home, "warning")}


def test_a_recorded_port_that_another_program_took_is_reported(home, start):
    _, port = start(home)
    detached_process.write_record(home, "prefect-server", Detached(0, 0.0, f"http://{LOOPBACK}:{port}"))
    assert any(f"port {port}" in row["what"] for row in findings(home, "warning"))


def test_a_server_that_may_send_usage_data_is_reported(home, start):
    pid, port = start(home, MLFLOW_DISABLE_TELEMETRY="false")
    record(home, pid, port)
    assert any("MLFLOW_DISABLE_TELEMETRY=true" in row["what"] for row in findings(home, "warning"))


def test_every_problem_has_a_fix(home, start):
    start(home, "0.0.0.0")
    assert all(row["cure"] for level in ("warning", "error") for row in findings(home, level))


def test_a_prefect_server_without_a_password_is_an_error(home):
    for name, content in {"health": "true", "admin/version": '"3.8"'}.items():
        file = home / "api" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    port = detached_process.free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", LOOPBACK]
    detached_process.start(home, SERVER.name, command, os.environ, f"http://{LOOPBACK}:{port}")
    try:
        wait_until(lambda: running(home) is not None, seconds=30)
        (finding,) = findings(home, "error")
        assert "takes orders from every program" in finding["what"] and "up --stop" in finding["cure"]
    finally:
        detached_process.end(home, SERVER.name)
