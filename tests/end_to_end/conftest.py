"""The product as a user runs it: the console command, a home of its own, real servers; each stopped at the end."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import triptych

REPOSITORY = Path(__file__).parents[2]
STARTS_OTHERS = {"run", "up"}  # commands that have a process of their own in tests


def clean_environment() -> dict[str, str]:
    """A user's: MLflow's client, where an earlier test of this process made one, has left its address in ours."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "TRIPTYCH_"))}


def without_prefect(*arguments: str) -> subprocess.Popen[str]:
    """The line as a process that has no server (`bare.py`)."""
    command = [sys.executable, "-m", "tests.end_to_end.bare", *arguments]
    environment = clean_environment() | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@dataclass(frozen=True)
class Home:
    """One home, and the command line in it."""

    path: Path

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        environment = clean_environment() | {"TRIPTYCH_HOME": str(self.path), "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-m", "triptych", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "text": True}
        return subprocess.Popen(
            command, **({"env": environment, "cwd": next(p for p in self.path.parents if p.is_dir())} | pipes | options)
        )

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """The command, ended; fails the test where its exit code is another."""
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=280)
        told = f"triptych {' '.join(arguments)} → {process.returncode}\n{stdout}\n{stderr}"
        assert process.returncode == code, told
        assert "Traceback" not in stderr, told
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def call(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """The same in this process, for a command that starts none of its own: what it imports is paid for once."""
        out, err = io.StringIO(), io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(action="default"),
            pytest.raises(SystemExit) as ended,
        ):
            patch.setattr(sys, "argv", ["triptych", *arguments])
            patch.setenv("TRIPTYCH_HOME", str(self.path))
            patch.chdir(next(p for p in self.path.parents if p.is_dir()))
            triptych.main()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        told = f"triptych {' '.join(arguments)} → {ended.value.code}\n{out.getvalue()}\n{err.getvalue()}"
        assert (ended.value.code or 0) == code, told
        assert "Traceback" not in err.getvalue(), told
        return subprocess.CompletedProcess(list(arguments), code, out.getvalue(), err.getvalue())

    def json(self, *arguments: str) -> Any:
        """What `--json` printed: the last line of stdout."""
        done = (self.run if arguments[0] in STARTS_OTHERS else self.call)(*arguments, "--json")
        return json.loads(done.stdout.splitlines()[-1])

    def sql(self, question: str) -> list[dict[str, Any]]:
        return self.json("sql", "-e", question)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, dict[str, Any]]]:
    """A home in which `smoke` has been run once, and what `run --json` said."""
    home = Home(tmp_path_factory.mktemp("a home with spaces") / "runs")
    try:
        yield home, home.json("run", "smoke")
    finally:
        home.run("up", "--stop")


@pytest.fixture(scope="session")
def again(smoke: tuple[Home, dict[str, Any]]) -> dict[str, Any]:
    """What a second run of the same said."""
    return smoke[0].json("run", "smoke")
