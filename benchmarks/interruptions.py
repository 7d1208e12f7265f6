"""Runs of a recipe as processes that are killed, starved and started again, and what they leave in their home."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from flows.record import RunRecord, latest
from tasks.home import Home

CODE = Path(__file__).parents[1]
WITHOUT_SERVERS = """
import json, sys
from flows.session import Request, open_session, perform
from tasks.home import Home
home, recipe, changes, start, only = json.loads(sys.argv[1])
record = perform(open_session(Request(Home.at(home), recipe, changes, start=start, only=only)))
sys.exit(0 if record.state == "complete" else 1)
"""
SECONDS_AT_MOST = 900.0

Hashes = dict[str, str | None]  # step → SHA-256 of its content


@dataclass(frozen=True)
class Promise:
    """One promise, how it was put to the test, and what came of it."""

    promise: str
    test: str
    figure: str
    held: bool | None  # None: cannot be tested on this machine


@dataclass(frozen=True)
class Work:
    """A recipe in a home, run without Prefect's server, which takes longer to start than the recipe's steps."""

    home: Home
    recipe: str = "smoke"
    changes: tuple[str, ...] = ()
    only: str = ""

    def start(self) -> "subprocess.Popen[str]":
        """The run as the leader of a process group."""
        request = [str(self.home), self.recipe, list(self.changes), "", self.only]
        return started([sys.executable, "-c", WITHOUT_SERVERS, json.dumps(request)], self.home)

    def finish(self) -> RunRecord:
        """The record of a run that is not disturbed."""
        process = self.start()
        _, err = process.communicate(timeout=SECONDS_AT_MOST)
        record = latest(self.home)
        if process.returncode or record is None or record.state != "complete":
            raise RuntimeError(f"the run did not complete: {err[-2000:]}")
        return record

    def steps_of(self, step: str) -> int:
        """Training steps that the step has logged so far."""
        logs = list((self.home.store / step).glob("*/metrics.jsonl"))
        return max((log.read_bytes().count(b"\n") for log in logs), default=0)


@dataclass(frozen=True)
class Command:
    """`triptych ARGUMENTS` in a home, as a person runs it, under limits that a shell sets (`ulimit` arguments)."""

    home: Home
    arguments: tuple[str, ...]
    limit: str = ""

    def finish(self) -> tuple[int, str]:
        """Its exit code and all that it printed; its servers are stopped."""
        words = [sys.executable, "-m", "triptych", *self.arguments]
        limited = ["bash", "-c", f'{self.limit and f"ulimit {self.limit}; "}exec "$@"', "bash", *words]
        process = started(limited, self.home, subprocess.PIPE)
        out, err = process.communicate(timeout=SECONDS_AT_MOST)
        stop = started([sys.executable, "-m", "triptych", "up", "--stop"], self.home)
        stop.communicate(timeout=SECONDS_AT_MOST)
        return process.returncode, out + err


def started(command: Sequence[str], home: Home, out: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
    """The command in a session of its own, with the home in its environment."""
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=_environment(home), start_new_session=True, text=True, **pipes)


def kill_all(process: "subprocess.Popen[str]") -> None:
    """SIGKILL to all that it started, which could save something at its end, and then to itself."""
    family = psutil.Process(process.pid)
    for one in (*family.children(recursive=True), family):
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.communicate()


def hashes(record: RunRecord) -> Hashes:
    """The content of each step."""
    return {step.step: step.sha256 for step in record.steps}


def differing(undisturbed: Hashes, others: Hashes) -> list[str]:
    """The steps whose content is another."""
    return [step for step, sha256 in undisturbed.items() if others.get(step) != sha256]


def copy_of(home: Home, to: Path) -> Home:
    """The home, to be damaged or trained in."""
    shutil.copytree(home, to)
    return Home.at(to)


def seconds_until(condition: Any, at_most: float = SECONDS_AT_MOST) -> float:
    """How long it took to become true; TimeoutError where it did not."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > at_most:
            raise TimeoutError
        time.sleep(0.02)
    return time.monotonic() - began


def _environment(home: Home) -> Mapping[str, str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_"))}
    path = os.pathsep.join(filter(None, (str(CODE), os.environ.get("PYTHONPATH", ""))))
    return plain | {"TRIPTYCH_HOME": str(home), "PYTHONPATH": path}
