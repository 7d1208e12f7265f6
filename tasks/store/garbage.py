"""Garbage: artifacts that nothing needs, and their removal. An interrupted removal leaves no incomplete artifact.

Needed are the given keys and all their ancestors. While a run works in the home nothing complete is removed, since the
run may use an artifact that no record names yet: runs share the store's lock, and a removal holds it exclusively.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from tasks.store.artifacts import lock_of
from tasks.store.contents import Leftover, StoreContents, Stored
from tasks.store.locks import exclusive_if_free, is_held, shared
from tasks.store.step import Frozen
from tasks.store.verification import MANIFEST, forget_verification

LOCK = ".lock"  # in the store


class StoreConfig(Frozen):
    """The recipe's table [store]."""

    max_gb: float | None = Field(default=None, gt=0)  # of the whole home's store; a run removes garbage to stay below


@dataclass(frozen=True)
class Garbage:
    """What can go, and what of it only on request."""

    artifacts: tuple[Stored, ...]
    leftovers: tuple[Leftover, ...]
    partials: tuple[Leftover, ...]  # work that was cut short: a run could go on from it

    def entries(self, partials: bool) -> tuple[Stored | Leftover, ...]:
        return (*self.artifacts, *self.leftovers, *(self.partials if partials else ()))


def garbage(held: StoreContents, needed: Iterable[str]) -> Garbage:
    """All artifacts that are neither needed nor an ancestor of what is; and folders that no process works in."""
    busy = [artifact.key for artifact in held.artifacts.values() if is_worked_on(artifact)]
    kept = held.with_ancestors([*needed, *busy])
    idle = [leftover for leftover in held.leftovers if not is_worked_on(leftover)]
    return Garbage(
        artifacts=tuple(a for a in held.artifacts.values() if a.key not in kept),
        leftovers=tuple(leftover for leftover in idle if not leftover.is_partial),
        partials=tuple(leftover for leftover in idle if leftover.is_partial),
    )


def remove(entry: Stored | Leftover) -> bool:
    """False where some process works on this key now. The manifest goes first: without it there is no artifact."""
    with exclusive_if_free(lock_of(entry.path)) as got:
        if got:
            forget_verification(entry.path)
            (entry.path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(entry.path, ignore_errors=False)
    return got


def is_worked_on(entry: Stored | Leftover) -> bool:
    """Whether a process holds the lock of this key."""
    return is_held(lock_of(entry.path))


@contextmanager
def in_use(root: Path) -> Iterator[None]:
    """While inside, nothing complete is removed from this store; waits for a removal that goes on."""
    with shared(root / LOCK):
        yield


@contextmanager
def unused(root: Path) -> Iterator[bool]:
    """True inside where no run works with this store; none can begin until this is left."""
    if not root.is_dir():
        yield True
        return
    with exclusive_if_free(root / LOCK) as got:
        yield got


def bytes_of(folders: Iterable[Path]) -> int:
    """The bytes in these folders; a file with several names is counted once."""
    return sum({(s.st_dev, s.st_ino): s.st_size for folder in folders for s in _stats(folder)}.values())


def bytes_freed(folders: Iterable[Path]) -> int:
    """What removing these folders gives back: a file counts when all its names go."""
    seen = dict[tuple[int, int], list[int]]()
    for folder in folders:
        for info in _stats(folder):
            entry = seen.setdefault((info.st_dev, info.st_ino), [0, info.st_nlink, info.st_size])
            entry[0] += 1
    return sum(size for names, links, size in seen.values() if names == links)


def _stats(folder: Path) -> Iterator[os.stat_result]:
    """Bytes of every file below; files that are being removed at this moment are left out."""
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(parent, name))  # noqa: PTH118  # a Path for each of many files is slow
            except FileNotFoundError:
                continue
