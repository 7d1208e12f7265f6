"""One real Prefect server a home: found again, or started detached on a free loopback port.

Everything of it lies in the home: `prefect/` is its PREFECT_HOME with the database, `logs/` what it says. So two homes
on one machine never meet, and deleting a home leaves nothing behind.
"""

import fcntl
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from flows import detached
from flows.detached import LOOPBACK, Detached
from tasks.errors import UserError
from tasks.progress import say

SERVER = "prefect-server"
SECONDS_TO_START = 120.0  # a fresh home's database takes 12 s on an idle machine, several times that on a busy one
SECONDS_BETWEEN_WORDS = 5.0
PORTS_TO_TRY = 3  # a port can be taken between the look and the server's bind

SETTINGS = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",  # the server is of our own venv
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # the server asks for no token: saves a question a client
}


def ensure_server(home: Path) -> str:
    """The API address of the home's server, which answers: the running one, or one started now."""
    home = Path(home).absolute()
    server = detached.find(home, SERVER)
    if server is None or not answers(server.url):
        with _one_at_a_time(home):
            server = detached.find(home, SERVER)
            server = _started(home) if server is None else _awaited(home, server)
    return server.url


def environment(home: Path) -> dict[str, str]:
    """The variables under which Prefect works with the home's server; to be set before Prefect is imported."""
    home = Path(home).absolute()
    server = detached.recorded(home, SERVER)
    url = {"PREFECT_API_URL": server.url} if server else {}
    return {**SETTINGS, "PREFECT_HOME": str(home / "prefect"), "TRIPTYCH_HOME": str(home), **url}


def child_environment(home: Path) -> dict[str, str]:
    """The whole environment of a detached process: ours, with no Prefect setting from elsewhere."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return inherited | environment(home)


def answers(url: str, timeout_seconds: float = 2.0) -> bool:
    """Whether a Prefect server answers at this API address."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=timeout_seconds) as reply:
            return reply.read().strip() == b"true"
    except (urllib.error.URLError, OSError, ValueError):
        return False


def stop_server(home: Path) -> bool:
    """True if the home's server was running; it is not any more."""
    return detached.end(Path(home).absolute(), SERVER)


def _started(home: Path) -> Detached:
    say("starting the Prefect server of this home (a few seconds; the first time it makes its database)")
    former = detached.recorded(home, SERVER)
    port = urlsplit(former.url).port if former else None
    for _ in range(PORTS_TO_TRY):
        port = detached.free_port(port)
        server = _start_at(home, port)
        if _came_up(home, server):
            return server
        if not _port_was_taken(home):
            break
    raise _failure(home, "ended while starting")


def _start_at(home: Path, port: int) -> Detached:
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    settings = {"PREFECT_LOGGING_LEVEL": "INFO", "PREFECT_CLI_COLORS": "false"}
    return detached.start(
        home, SERVER, command, child_environment(home) | settings, url=f"http://{LOOPBACK}:{port}/api"
    )


def _awaited(home: Path, server: Detached) -> Detached:
    """A server that another process started, perhaps a moment ago."""
    if _came_up(home, server):
        return server
    raise _failure(home, "ended")


def _came_up(home: Path, server: Detached) -> bool:
    """True once it answers, False when it ended; an error when it does neither."""
    began = spoke = time.monotonic()
    while detached.is_alive(server):
        if answers(server.url):
            return True
        now = time.monotonic()
        if now - began > SECONDS_TO_START:
            raise _failure(home, f"did not answer within {SECONDS_TO_START:.0f} s")
        if now - spoke > SECONDS_BETWEEN_WORDS:
            say(f"  waiting for the Prefect server: {now - began:.0f} s")
            spoke = now
        time.sleep(0.1)
    return False


def _port_was_taken(home: Path) -> bool:
    said = detached.last_lines(detached.log_of(home, SERVER))
    return "already in use" in said or "already running on port" in said


def _failure(home: Path, what: str) -> UserError:
    log = detached.log_of(home, SERVER)
    return UserError(
        f"the Prefect server of {home} {what}; the last lines of {log}:\n{detached.last_lines(log)}",
        f"`triptych up --stop`, then run again; if its database is broken, move {home / 'prefect'} away"
        " (it holds the history of runs, no result)",
    )


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Held by the one process that starts the server; the others wait, then find it."""
    folder = home / "prefect"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "server.lock").open("w")
    except OSError as error:
        raise UserError(
            f"cannot write in the home {home}: {error.strerror}",
            "choose a folder you may write to: TRIPTYCH_HOME=DIR, or give yourself the right",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
