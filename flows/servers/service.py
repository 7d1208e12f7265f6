"""A detached process that answers HTTP on loopback: reused if it answers, else started on a free port and awaited.

The port is remembered in the record, so that a page keeps its address when its process was stopped or killed.
"""

import errno
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import urlsplit

from flows.servers import detached_process
from flows.servers.detached_process import LOOPBACK, Detached
from tasks.errors import CURES, UserError
from tasks.home import Home
from tasks.progress import clear_state, is_terminal, say, show_state
from tasks.store import locks

SECONDS_TO_START = 180.0  # a fresh Prefect database takes 12 s on an idle machine, several times that on a busy one
SECONDS_BETWEEN_WORDS = 5.0
NOT_STARTED = 0  # in the place of a pid
DISK_FULL = ("No space left on device", "database or disk is full")
LITTLE_SPACE = 256 << 10  # bytes: a database that lacks a page has no words for it
PORTS_TO_TRY = 3  # a port can be taken between our look at it and the process's bind


@dataclass(frozen=True)
class Service:
    """What listens, how to start it at a port, and how to see that it does."""

    name: str  # of its record and its log
    title: str  # as people know it
    command: Callable[[int], Sequence[str]]  # at this port
    health: str  # path that answers 200 once it works
    cure: str


def ensure(home: Home, service: Service, environment: Mapping[str, str]) -> Detached:
    """The service, answering; one process starts it and others wait for it."""
    process = detached_process.find(home, service.name)
    if process and answers(process.url, service.health):
        return process
    with exclusive(home, service.name):
        process = detached_process.find(home, service.name)
        if process is None:
            return _start(home, service, environment)
        if _came_up(home, service, process):
            return process
        raise _failure(home, service, "ended")


def address(home: Home, name: str) -> str:
    """Where the service of that name listens, or will once it is started: its port is kept for it from now on."""
    with exclusive(home, name):
        known = detached_process.recorded(home, name)
        if known is None or (detached_process.is_alive(known) and not detached_process.is_ours(home, known)):
            known = Detached(NOT_STARTED, 0.0, f"http://{LOOPBACK}:{detached_process.free_port()}")
            detached_process.write_record(home, name, known)
    return known.url


def answers(url: str, health: str, timeout_seconds: float = 2.0) -> bool:
    """Whether something answers 200 at this address."""
    try:
        with urllib.request.urlopen(f"{url}{health}", timeout=timeout_seconds) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def exclusive(home: Home, name: str) -> AbstractContextManager[None]:
    """A lock that one process holds at a time; UserError where the home cannot be written."""
    lock = home.prefect / f"{name}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        raise UserError(
            f"cannot write in the home {home}: {error.strerror}",
            "point TRIPTYCH_HOME at a folder that can be written",
        ) from error
    return locks.exclusive(lock)


def _start(home: Home, service: Service, environment: Mapping[str, str]) -> Detached:
    say(f"starting {service.title} of this home")
    detached_process.end(home, service.name)  # what an earlier one left over has its port and its database
    former = detached_process.recorded(home, service.name)
    port = urlsplit(former.url).port if former else None
    for _ in range(PORTS_TO_TRY):
        port = detached_process.free_port(port)
        url = f"http://{LOOPBACK}:{port}"
        process = detached_process.start(home, service.name, service.command(port), environment, url)
        is_up = _came_up(home, service, process)
        clear_state()
        if is_up:
            return process
        if detached_process.is_free(port):
            break
    raise _failure(home, service, "ended while starting")


def _came_up(home: Home, service: Service, process: Detached) -> bool:
    """True once it answers, False when it ended; an error when it does neither."""
    began = spoke = time.monotonic()
    while detached_process.is_alive(process):
        if answers(process.url, service.health):
            return True
        now = time.monotonic()
        if now - began > SECONDS_TO_START:
            raise _failure(home, service, f"did not answer within {SECONDS_TO_START:.0f} s")
        waited = f"waiting for {service.title}: {now - began:.0f} s (longest in a fresh home, which gets its database)"
        if is_terminal():
            show_state(waited)
        elif now - spoke > SECONDS_BETWEEN_WORDS:
            say(f"  {waited}")
            spoke = now
        time.sleep(0.1)
    return False


def _failure(home: Home, service: Service, what: str) -> UserError:
    log = detached_process.log_of(home, service.name)
    end = detached_process.last_lines(log)
    if home.free_bytes() < LITTLE_SPACE or any(words in end for words in DISK_FULL):
        return UserError(f"{service.title} {what}: no space left on the disk of {home}", CURES[errno.ENOSPC])
    return UserError(f"{service.title} {what}; the last lines of {log}:\n{end}", service.cure)
