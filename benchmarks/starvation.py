"""Runs with too little memory, files or disk, with a database that others hold, and over damaged files."""

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.interruptions import Command, Hashes, Promise, Work, copy_of, differing, hashes
from tasks.home import Home
from tasks.store.verification import MANIFEST

SMALL_DISK, LARGER_DISK = 8, 500  # MB: the line needs some 14
CUT_TO = 40  # bytes
RUN = ("run", "smoke")


def mlflow_locked(folder: Path, undisturbed: Hashes) -> Promise:
    """MLflow's database is held by another program during all of a run."""
    home = Home.at(folder / "locked")
    home.path.mkdir()
    with closing(sqlite3.connect(home.mlflow_database)) as database:
        database.execute("create table held (it int)")
        database.execute("begin exclusive")
        wrong = differing(undisturbed, hashes(Work(home).finish()))
    return Promise(
        "MLflow away: the same results", "mlflow.db locked all along", f"{len(wrong)} steps differ", not wrong
    )


def too_little_memory(folder: Path, undisturbed: Hashes) -> Promise:
    """1.5 GB of address space, which a run does not do with; then without the limit."""
    command = Command(Home.at(folder / "memory"), RUN, "-v 1500000")
    return _starved(command, undisturbed, "too little memory", "a program may use 1.5 GB")


def too_few_files(folder: Path, undisturbed: Hashes) -> Promise:
    """24 open files; then without the limit."""
    command = Command(Home.at(folder / "files"), RUN, "-n 24")
    return _starved(command, undisturbed, "too few open files", "a program may open 24 files")


def full_disk(folder: Path, undisturbed: Hashes) -> Promise:
    """A disk that is too small, and is then made larger."""
    mounted = folder / "small"
    with _disk(mounted) as is_mounted:
        if not is_mounted:
            return Promise("a full disk", f"a disk of {SMALL_DISK} MB", "mounting is not allowed here", None)
        enlarge = ["mount", "-o", f"remount,size={LARGER_DISK}m", str(mounted)]
        cure = lambda: subprocess.run(enlarge, check=True)  # noqa: E731
        return _starved(Command(Home.at(mounted / "home"), RUN), undisturbed, "a full disk", "No space left", cure)


def flipped_byte(folder: Path, whole: Home, undisturbed: Hashes) -> Promise:
    """The middle byte of a file is another, as a bad disk returns it."""
    return _damaged(copy_of(whole, folder / "flipped"), undisturbed, "a flipped byte", _flip_middle_byte)


def truncated_file(folder: Path, whole: Home, undisturbed: Hashes) -> Promise:
    """A file is cut off."""
    home = copy_of(whole, folder / "truncated")
    return _damaged(home, undisturbed, "a truncated file", lambda path: os.truncate(path, CUT_TO))


def _starved(
    command: Command, undisturbed: Hashes, what: str, words: str, cure: Callable[[], object] = bool
) -> Promise:
    """`triptych run` under a limit, and a run without it once `cure` is done."""
    began = time.monotonic()
    code, said = command.finish()
    is_clear = code == 1 and words in said and "fix:" in said and "Traceback" not in said
    seconds = time.monotonic() - began
    cure()
    wrong = differing(undisturbed, hashes(Work(command.home).finish()))
    figure = f"{'' if is_clear else 'NOT '}told after {seconds:.0f} s; then {len(wrong)} steps differ"
    test = f"ulimit {command.limit}" if command.limit else f"a disk of {SMALL_DISK} MB"
    return Promise(f"{what}: a clear error, and a rerun completes", test, figure, is_clear and not wrong)


def _damaged(home: Home, undisturbed: Hashes, what: str, damage: Callable[[Path], object]) -> Promise:
    """The largest file of each step in turn: a run must refuse it."""
    noticed = 0
    for step in undisturbed:
        (folder,) = (path.parent for path in (home.store / step).glob(f"*/{MANIFEST}"))
        files = json.loads((folder / MANIFEST).read_text())["files"]
        path = folder / max(files, key=lambda name: files[name]["bytes"])
        kept = path.read_bytes()
        damage(path)
        process = Work(home).start()
        err = process.communicate()[1]
        noticed += process.returncode == 1 and f"{path}: not what was stored" in err
        path.write_bytes(kept)
    wrong = differing(undisturbed, hashes(Work(home).finish()))
    figure = f"{noticed} of {len(undisturbed)} refused by name; {len(wrong)} steps differ once they are mended"
    test = "the largest file of each step"
    return Promise(
        f"{what}: a clear error, and a rerun completes", test, figure, noticed == len(undisturbed) and not wrong
    )


def _flip_middle_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@contextmanager
def _disk(folder: Path) -> Iterator[bool]:
    """Whether a small disk lies there; it is taken away afterwards."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}m", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
