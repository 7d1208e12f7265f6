"""Which runs are alive: each holds a lock on a file of its own, which the system takes back however the run ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alive(folder: Path, run: str) -> Iterator[None]:
    """While inside, this run is alive for every process that asks."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / run
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)


def is_alive(folder: Path, run: str) -> bool:
    """Whether some process is inside `alive` for this run."""
    try:
        with (folder / run).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
