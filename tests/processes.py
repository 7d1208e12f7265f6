"""Waiting for other processes, and whether they still run."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], seconds: float = 60.0, pause: float = 0.01) -> T:
    """The first true value of the condition; an AssertionError where there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited for {seconds} seconds"
        time.sleep(pause)
    return value


def is_running(pid: int) -> bool:
    """False for a process that has ended, also where its parent has not waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
