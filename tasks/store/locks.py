"""Lock files: one process at a time, or readers together. The system takes a lock back however its holder ends.

What a process uses to its end, such as a model's files, is held by itself: a folder or a file is its own lock.
"""

import errno
import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tasks.progress import say


@contextmanager
def exclusive(path: Path, waiting: str = "") -> Iterator[None]:
    """Inside, no other process holds the lock. Waits for it; where it must, says `waiting` on stderr."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                say(waiting)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Inside, no process holds the lock exclusively; any number may share it. Waits for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def exclusive_if_free(path: Path) -> Iterator[bool]:
    """True inside where this process got the lock; False where another holds it, or where nothing can be written."""
    try:
        lock = path.open("a")
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        yield False
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_held(path: Path) -> bool:
    """Whether a process holds the lock, exclusively or shared."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _is_locked(descriptor)
    finally:
        os.close(descriptor)


class Hold:
    """While it lives, nothing of this file or folder is removed (`unheld`); a folder is made if missing."""

    def __init__(self, path: Path) -> None:
        descriptor = _hold(path)
        while descriptor is None:
            descriptor = _hold(path)
        self.release = weakref.finalize(self, os.close, descriptor)


@cache
def hold_to_the_end(path: Path) -> Hold:
    """Holds it until this process ends."""
    return Hold(path)


@contextmanager
def unheld(path: Path) -> Iterator[bool]:
    """True inside where no process holds the file or folder: one that wants to waits, and makes it anew if it is gone.

    False where it is held, or not there.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _is_locked(descriptor)
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Whether this process has it alone now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _hold(path: Path) -> int | None:
    """The open file that shares the lock; None where the path was removed while this waited."""
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except FileNotFoundError:
        pass
    os.close(descriptor)
    return None
