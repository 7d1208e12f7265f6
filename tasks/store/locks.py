"""A lock file that one process holds at a time; the system takes it back however that process ends."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[bool]:
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
