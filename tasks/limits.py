"""Limits that a shell or a service manager sets to a program (ulimit); an end with a reason where one is reached."""

import errno
import os
import resource
import sys
import threading
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.readable_numbers import bytes_in_words

OTHER_WORDS = ("failed to map segment", "allocate memory", "can't start new thread")
MEMORY_NEEDED = 4_000_000_000  # bytes of address space: with less, Python may wait for ever for a thread's stack
OPEN_FILES_NEEDED, OPEN_FILES_WANTED = 48, 1024


def require_limits() -> None:
    """UserError where a run would have too few open files, or too little memory even to load what it works with.

    The limit of open files is raised first where the system allows it.
    """
    memory, _ = resource.getrlimit(resource.RLIMIT_AS)
    if 0 <= memory < MEMORY_NEEDED:
        what = f"a program may use {bytes_in_words(memory)} of memory here (ulimit -v)"
        needed = f"a run maps some {bytes_in_words(MEMORY_NEEDED)}, most of it its libraries"
        raise UserError(f"too little memory: {what}, and {needed}", "ulimit -v unlimited in this shell, then run again")
    _require_open_files()


def usable_cores() -> int:
    """Cores that this process may use: by its affinity, and by its control group's share of time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, -(-int(quota) // int(period))))


def _require_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= OPEN_FILES_NEEDED:
        return
    if 0 <= hard < OPEN_FILES_NEEDED:
        what = f"a program may open {hard} files here, and a run opens up to {OPEN_FILES_NEEDED}"
        raise UserError(what, "ulimit -n 1024 in this shell, or LimitNOFILE=1024 where a service manager starts it")
    wanted = OPEN_FILES_WANTED if hard < 0 else min(OPEN_FILES_WANTED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, as Python, the system's loader, torch or a thread's start say it."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, ImportError | RuntimeError) and any(words in str(error) for words in OTHER_WORDS)


def out_of_memory() -> UserError:
    """The error of a process that got no more memory."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return UserError("out of memory", "close other programs, or lower `batch`, `context` or `workers`; run again")
    limit = f"a program may use {bytes_in_words(soft)} of memory here (ulimit -v)"
    return UserError(f"out of memory: {limit}", "ulimit -v unlimited in this shell, then run again")


def end_when_a_thread_gets_no_memory() -> None:
    """From now on the process ends, with its reason, where a thread runs out of memory.

    Python would wait for ever for a thread that could not begin. What was being written is made again by the next run.
    """
    last_words = f"error: {out_of_memory()}\n".encode()  # made now: then there is no memory for it

    def end_on_memory_error(kind: type[BaseException] | None) -> None:
        if kind is not None and issubclass(kind, MemoryError):
            os.write(2, last_words)
            os._exit(1)

    def in_a_start(unraisable: Any) -> None:
        end_on_memory_error(unraisable.exc_type)
        sys.__unraisablehook__(unraisable)

    def in_a_thread(failure: threading.ExceptHookArgs) -> None:
        end_on_memory_error(failure.exc_type)
        threading.__excepthook__(failure)

    sys.unraisablehook, threading.excepthook = in_a_start, in_a_thread
