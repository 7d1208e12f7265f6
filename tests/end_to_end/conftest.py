"""The product as a user runs it: the console command, a home of its own, real servers; each stopped at the end."""

import contextlib
import io
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

import triptych
from tasks.home import Home
from tasks.tracking.tracker import Shipper
from tests.end_to_end.forks import REPOSITORY, ForkedCommand, Forks, clean_environment, folder_above, forking


@dataclass(frozen=True)
class CommandLine:
    """The command line of one home."""

    home: Home
    forks: Forks | None = None

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """The command as a process that begins with nothing; fails the test where its exit code is another."""
        process = self.process(*arguments)
        try:
            out, err = process.communicate(timeout=280)
        finally:
            process.kill()
        return check_exit(subprocess.CompletedProcess(arguments, process.returncode, out, err), arguments, code)

    def process(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, left running."""
        return subprocess.Popen(
            [sys.executable, "-m", "triptych", *arguments],
            env=clean_environment() | {"TRIPTYCH_HOME": str(self.home), "PYTHONPATH": str(REPOSITORY)},
            cwd=folder_above(self.home.path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str) -> ForkedCommand:
        """The same with most of what it imports there already (`forked.py`)."""
        assert self.forks
        return self.forks.start(self.home, *arguments, prefect=True, mlflow=True)

    def fork(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return check_exit(self.start(*arguments).wait(), arguments, code)

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
            patch.setenv("TRIPTYCH_HOME", str(self.home))
            patch.chdir(folder_above(self.home.path))
            triptych.main()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        done = subprocess.CompletedProcess(arguments, ended.value.code or 0, out.getvalue(), err.getvalue())
        return check_exit(done, arguments, code)

    def json(self, *arguments: str) -> Any:
        """What `--json` printed: the last line of stdout."""
        method = {"run": self.fork, "up": self.run}.get(arguments[0], self.call)  # these two start others
        done = method(*arguments, "--json")
        return json.loads(done.stdout.splitlines()[-1])

    def sql(self, statement: str) -> list[dict[str, Any]]:
        return self.json("sql", "-e", statement)


def check_exit(
    done: subprocess.CompletedProcess[str], arguments: tuple[str, ...], code: int
) -> subprocess.CompletedProcess[str]:
    """The finished process; fails the test where its exit code is another or it printed a traceback."""
    output = f"triptych {' '.join(arguments)} → {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == code, output
    assert "Traceback" not in done.stderr, output
    return done


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forking(tmp_path_factory.mktemp("output")) as forks:
        yield forks


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[tuple[CommandLine, dict[str, Any]]]:
    """A home in which `smoke` has been run once, only read from then on, and what `run --json` printed."""
    cli = CommandLine(Home(tmp_path_factory.mktemp("a home with spaces") / "runs"), forks)
    try:
        yield cli, json.loads(cli.run("run", "smoke", "--json").stdout.splitlines()[-1])
    finally:
        cli.run("up", "--stop")


@pytest.fixture(scope="module")
def own_smoke(
    smoke: tuple[CommandLine, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CommandLine, dict[str, Any]]]:
    """A copy of that home for a file of tests that change it, and `status --json` of the run in it."""
    home = Home(tmp_path_factory.mktemp("a copy") / "runs")
    copy_home(smoke[0].home, home)
    cli = CommandLine(home, smoke[0].forks)
    try:
        yield cli, cli.json("status")
    finally:
        cli.run("up", "--stop")


def copy_home(source: Home, target: Home) -> None:
    """Artifacts, which never change, by hard links; databases as they are in this moment; no records of processes."""
    for path in source.path.rglob("*"):
        place = target.path / path.relative_to(source.path)
        if path.is_dir() or path.name.endswith(("-wal", "-shm")) or path.parent in (source.prefect, source.logs):
            pass
        elif path.is_relative_to(source.store) and path.suffix != ".lock":
            place.parent.mkdir(parents=True, exist_ok=True)
            place.hardlink_to(path)
        elif path.suffix != ".db":
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
    target.prefect.mkdir(exist_ok=True)
    for database in (source.mlflow_database, source.prefect / "prefect.db"):
        place = target.path / database.relative_to(source.path)
        with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(place)) as new:
            old.backup(new)


@pytest.fixture
def without_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's events stay in the outbox: creating its tables takes two seconds a home."""
    monkeypatch.setattr(Shipper, "ship", lambda _: True)
    monkeypatch.setattr(Shipper, "follow", lambda *_: None)
