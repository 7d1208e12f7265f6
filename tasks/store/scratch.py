"""Work folders in the home: on the disk of what they become, and gone with whoever works in them, however that ends.

HOME/scratch/PURPOSE-RANDOM/    held by the process that works in it (locks.Hold); without a holder it is a leftover
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tasks.home import Home
from tasks.store.locks import Hold, exclusive, exclusive_if_free, is_held

LOCK = ".lock"  # held while a folder is made, which nobody holds for a moment


@contextmanager
def scratch_folder(home: Home, purpose: str) -> Iterator[Path]:
    """An empty folder, removed at the end; those of processes that were killed are removed first."""
    with exclusive(home.scratch / LOCK):
        for leftover in _unheld(home):
            shutil.rmtree(leftover)
        folder = Path(mkdtemp(prefix=f"{purpose}-", dir=home.scratch))
        held = Hold(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        held.release()


def scratch_leftovers(home: Home) -> list[Path]:
    """The folders that no process works in any more."""
    if not home.scratch.is_dir():
        return []
    with exclusive_if_free(home.scratch / LOCK) as got:
        return _unheld(home) if got else []


def _unheld(home: Home) -> list[Path]:
    return [path for path in sorted(home.scratch.iterdir()) if path.is_dir() and not is_held(path)]
