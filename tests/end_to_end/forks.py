"""Handles of the processes that `forked.py` starts."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).parents[2]


def clean_environment() -> dict[str, str]:
    """The environment of a user; in ours an earlier test's MLflow client may have left its address."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "TRIPTYCH_"))}


def folder_above(home: Path) -> Path:
    """The folder in which the commands of a home are run."""
    return next(folder for folder in home.parents if folder.is_dir())


@dataclass(frozen=True)
class ForkedCommand:
    """A running `triptych ARGUMENTS`."""

    pid: int
    arguments: tuple[str, ...]
    answers: IO[str]
    outputs: dict[str, Path]

    def is_alive(self) -> bool:
        return Path(f"/proc/{self.pid}").exists()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Its exit code and output once it has ended; to be called once, before anything else is started."""
        code = int(self.answers.readline())
        return subprocess.CompletedProcess(self.arguments, code, **{k: p.read_text() for k, p in self.outputs.items()})


@dataclass(frozen=True)
class Forks:
    """Starts command lines within a moment, one at a time."""

    requests: IO[str]
    answers: IO[str]
    folder: Path

    def start(self, home: PathLike[str], *arguments: str, prefect: bool = False, mlflow: bool = False) -> ForkedCommand:
        outputs = {name: self.folder / name for name in ("stdout", "stderr")}
        for file in outputs.values():
            file.write_text("")
        request = {"home": str(home), "arguments": arguments, "prefect": prefect, "mlflow": mlflow}
        request |= {"folder": str(folder_above(Path(home)))} | {name: str(file) for name, file in outputs.items()}
        print(json.dumps(request), file=self.requests, flush=True)
        return ForkedCommand(int(self.answers.readline()), arguments, self.answers, outputs)


@contextmanager
def forking(folder: Path) -> Iterator[Forks]:
    """With `forked.py` running; it imports while the test goes on."""
    command = [sys.executable, str(REPOSITORY / "tests" / "end_to_end" / "forked.py")]
    environment = clean_environment() | {"PYTHONPATH": str(REPOSITORY), "OMP_WAIT_POLICY": "PASSIVE"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        yield Forks(server.stdin, server.stdout, folder)
        server.stdin.close()
