"""The processes of homes on this machine, as `doctor` looks at them: whose they are, where they listen, what they send.

A server belongs to the home in its environment or command line; it is a leftover where that home is gone, or where the
home's records name another process or none.
"""

import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil

from flows.servers import detached_process
from tasks.home import Home

MARKS = (("prefect", "server", "start"), ("prefect", "worker", "start"), ("mlflow", "server"), ("model.train",))
QUIET_IF = {  # a server's kind → the variables that switch its telemetry off
    "prefect": {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "true"},
    "mlflow": {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
}
GONE = " (deleted)"  # Linux, of a working directory that was removed
PARENTLESS = 1  # the parent of a process whose own parent ended


@dataclass(frozen=True)
class OwnProcess:
    """A process that something of triptych's started."""

    process: psutil.Process
    kind: str  # prefect, mlflow, model.train
    home: Home
    variables: dict[str, str]

    @property
    def pid(self) -> int:
        return self.process.pid


def findings(home: Home) -> Iterator[dict[str, Any]]:
    """Leftovers, listening sockets, taken ports and telemetry: level, what, cure."""
    processes, records = list(_ours()), _recorded(home)
    alive = {record.pid for record in records.values() if detached_process.is_ours(home, record)}
    mine = [one for one in processes if one.pid in alive or one.home == home]
    yield from (
        _leftover(one, home) for one in processes if not one.home.path.is_dir() or _is_unrecorded(one, home, alive)
    )
    orphans = {name: [process.pid for process in detached_process.left_over(home, name)] for name in records}
    pids = alive.union((one.pid for one in mine), *orphans.values())
    open_to_all = [row for pid in sorted(pids) for row in _listening(pid)]
    yield from open_to_all
    if pids and not open_to_all:
        yield _row("ok", "the home's servers listen on loopback only")
    yield from (_orphaned(name, pids) for name, pids in orphans.items() if pids)
    yield from (row for name, record in records.items() if not orphans[name] and (row := _taken(name, record)))
    talkative = [row for one in mine if (row := _telemetry(one))]
    yield from talkative or [_row("ok", "telemetry of Prefect and MLflow is off in all that triptych starts")]


def _ours() -> Iterator[OwnProcess]:
    """The servers and trainings of any home, of this user; a server's own children are left out."""
    me = os.getuid()
    for process in psutil.process_iter():
        try:
            if process.uids().real != me or process.status() == psutil.STATUS_ZOMBIE:
                continue
            command = process.cmdline()
            kind = next((mark[0] for mark in MARKS if _has(command, mark)), None)
            if kind is None:
                continue
            variables = process.environ()
            home = _home_of(process, command, variables)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if home is not None:
            yield OwnProcess(process, kind, home, variables)


def _has(command: list[str], mark: tuple[str, ...]) -> bool:
    """Whether `-m MARK…` stands in a command line."""
    return any(tuple(command[i : i + len(mark) + 1]) == ("-m", *mark) for i in range(len(command)))


def _home_of(process: psutil.Process, command: list[str], variables: dict[str, str]) -> Home | None:
    """None for a server that no home of triptych's has to do with."""
    if home := variables.get("TRIPTYCH_HOME"):
        return Home.at(home)
    folder = process.cwd().removesuffix(GONE)
    return Home.at(folder) if any(f"{folder}/" in argument for argument in command) else None


def _recorded(home: Home) -> dict[str, detached_process.Detached]:
    records = {path.stem: detached_process.read(path) for path in sorted(home.prefect.glob("*.json"))}
    return {name: record for name, record in records.items() if record}


def _is_unrecorded(one: OwnProcess, home: Home, alive: set[int]) -> bool:
    """A server of this home that its records do not know, or a training whose run is no more."""
    if one.home != home:
        return False
    if one.kind == "model.train":
        return one.process.ppid() == PARENTLESS
    return one.pid not in alive


def _leftover(one: OwnProcess, home: Home) -> dict[str, Any]:
    why = "which no record names" if one.home == home and home.path.is_dir() else "which is gone"
    return _row("warning", f"{one.kind}, process {one.pid}, is left over of {one.home}, {why}", f"kill {one.pid}")


def _orphaned(name: str, pids: list[int]) -> dict[str, Any]:
    numbers = ", ".join(map(str, pids))
    return _row("warning", f"{name} was killed and left over what it had started: {numbers}", "triptych up --stop")


def _listening(pid: int) -> Iterator[dict[str, Any]]:
    """The addresses of a server and its children that others than this machine can reach."""
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            for connection in one.net_connections(kind="inet"):
                if connection.status != psutil.CONN_LISTEN or _is_loopback(connection.laddr.ip):
                    continue
                yield _row(
                    "error",
                    f"process {one.pid} of this home listens at {connection.laddr.ip}:{connection.laddr.port}, "
                    "where other machines may reach it without a key",
                    f"kill {pid}, then `triptych up`, which binds to loopback",
                )
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        yield _row("warning", f"this system does not show where process {pid} listens", f"lsof -nP -p {pid} as root")


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _taken(name: str, record: detached_process.Detached) -> dict[str, Any] | None:
    """The port that is kept for a server, where something else has it now."""
    port = urlsplit(record.url).port
    if port is None or detached_process.is_alive(record) or detached_process.is_free(port):
        return None
    cure = "end what has it, or leave it: the next start takes another port, and the page's address changes"
    return _row("warning", f"port {port}, kept for {name} of this home, is taken by another program", cure)


def _telemetry(one: OwnProcess) -> dict[str, Any] | None:
    wanted = QUIET_IF.get(one.kind, {})
    loud = [name for name, value in wanted.items() if one.variables.get(name, "").lower() != value]
    if not loud:
        return None
    what = f"{one.kind}, process {one.pid}, runs without {', '.join(f'{n}={wanted[n]}' for n in loud)}"
    return _row("warning", f"{what}: it may send usage data", "triptych up --stop, then triptych up")


def _row(level: str, what: str, cure: str = "") -> dict[str, Any]:
    return {"level": level, "what": what, "cure": cure}
