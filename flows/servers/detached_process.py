"""A process that outlives the command that started it, and the record by which a later command finds it again.

    home/prefect/NAME.json   {"pid", "started", "url"}: written as soon as the process exists
    home/logs/NAME.log       everything it says

A pid alone proves nothing, since numbers are used again: a record is believed only if the process with its pid was
created at the moment it states, and works in this home: a copied home has the records of the original's processes.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tasks.home import Home
from tasks.store.artifacts import write_durably

LOOPBACK = "127.0.0.1"
SECONDS_TO_END = 10.0  # after SIGTERM, before SIGKILL
START_TOLERANCE_SECONDS = 1.0  # psutil derives creation times from the boot time, which ntp may move a little


@dataclass(frozen=True)
class Detached:
    """A running process of the home, as its record describes it."""

    pid: int
    started: float  # seconds since 1970
    url: str = ""  # where it listens; "" for a process that does not


def start(home: Home, name: str, command: Sequence[str], environment: Mapping[str, str], url: str = "") -> Detached:
    """The process of `command`, in a session of its own, with the home as its folder and its record written."""
    log = log_of(home, name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    detached = of(process.pid, url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it is meant to be running still when we let go of it
        del process
    write_record(home, name, detached)
    return detached


def find(home: Home, name: str) -> Detached | None:
    """The process that the home's record names, if it is still that process, alive, and of this home."""
    detached = recorded(home, name)
    return detached if detached and is_ours(home, detached) else None


def recorded(home: Home, name: str) -> Detached | None:
    """What the record says, whether or not it is still true."""
    return read(_record_of(home, name))


def read(path: Path) -> Detached | None:
    try:
        return Detached(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None  # never started, or a record cut off by a crash: nothing that we could call ours


def is_alive(detached: Detached) -> bool:
    try:
        process = psutil.Process(detached.pid)
        same = abs(process.create_time() - detached.started) < START_TOLERANCE_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_ours(home: Home, detached: Detached) -> bool:
    """Whether it is alive and has the home as its folder, as all have that the home has started."""
    return is_alive(detached) and _works_in(home, psutil.Process(detached.pid))


def left_over(home: Home, name: str) -> list[psutil.Process]:
    """What a process of the home started and did not take with it when it was killed: MLflow's parent has a child.

    They are in its session, whose number no other process gets while they run.
    """
    detached = recorded(home, name)
    if detached is None or not detached.pid or not _is_gone(detached.pid):
        return []
    return [
        process for process in psutil.process_iter() if _session(process) == detached.pid and _works_in(home, process)
    ]


def end(home: Home, name: str) -> bool:
    """True if there was one to end: SIGTERM to it and all that it started, SIGKILL to those that stay."""
    detached = find(home, name)
    family = left_over(home, name)
    if detached:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(detached.pid)
            family = [process, *process.children(recursive=True)]
    _end_all(family)
    return bool(family)  # its record stays: the next one takes its address


def of(pid: int, url: str = "") -> Detached:
    """The process that has this pid now."""
    return Detached(pid, psutil.Process(pid).create_time(), url)


def write_record(home: Home, name: str, detached: Detached) -> None:
    write(_record_of(home, name), detached)


def write(path: Path, detached: Detached) -> None:
    """Writes the record whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, json.dumps(asdict(detached)).encode())


def log_of(home: Home, name: str) -> Path:
    return home.logs / f"{name}.log"


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, indented, for an error message."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (it wrote nothing)"


def free_port(preferred: int | None = None) -> int:
    """A loopback port that nothing listens on: the preferred one if it is free."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port whose last connection just closed is free
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _record_of(home: Home, name: str) -> Path:
    return home.prefect / f"{name}.json"


def _works_in(home: Home, process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).samefile(home)
    except (psutil.Error, OSError):
        return False


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:  # it has ended, or another user's is not shown
        return None


def _end_all(processes: Sequence[psutil.Process]) -> None:
    _signal(processes, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=SECONDS_TO_END)
    _signal(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=SECONDS_TO_END)


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
