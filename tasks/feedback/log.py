"""HOME/feedback.jsonl: one entry a line, appended by any number of processes, each on disk before it is acknowledged.

A line that a crash cut off ends at the next append, is left out when the file is read, and reported.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from tasks.feedback.entry import Feedback, now
from tasks.home import Home
from tasks.progress import say
from tasks.store.artifacts import write_durably
from tasks.store.locks import exclusive


def append(home: Home, entry: Feedback) -> None:
    """Adds the entry; when this returns, it is on the disk. OSError where it cannot be, and nothing is added then."""
    line = entry.model_dump_json(exclude_none=True).encode() + b"\n"
    with exclusive(_lock(home)):
        if not home.feedback.exists():
            write_durably(home.feedback, b"")
        with home.feedback.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size and not _ends_a_line(file.fileno(), size):
                line = b"\n" + line
            try:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file.fileno(), size)
                raise


def entries(home: Home) -> list[Feedback]:
    """All entries in the order in which they came; lines that are none are reported."""
    try:
        lines = home.feedback.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    read = [_entry(line) for line in lines if line.strip()]
    if broken := read.count(None):
        say(f"{home.feedback}: {broken} of {len(read)} lines are no entry (a crash cut them off) and are left out")
    return [entry for entry in read if entry is not None]


def forget_texts(home: Home, concerns: Callable[[Feedback], bool]) -> list[Feedback]:
    """The entries that concern the caller, whose texts this removes from the file; a cut line goes with them."""
    if not home.feedback.exists():
        return []
    with exclusive(_lock(home)):
        every, time = entries(home), now()
        concerned = {entry.id for entry in every if entry.forgotten is None and concerns(entry)}
        if concerned:
            kept = (entry.without_texts(time) if entry.id in concerned else entry for entry in every)
            text = "".join(entry.model_dump_json(exclude_none=True) + "\n" for entry in kept)
            write_durably(home.feedback, text.encode())
    return [entry for entry in every if entry.id in concerned]


def size_bytes(home: Home) -> int:
    return home.feedback.stat().st_size if home.feedback.exists() else 0


def _entry(line: bytes) -> Feedback | None:
    try:
        return Feedback.model_validate_json(line)
    except ValidationError:
        return None


def _ends_a_line(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"


def _lock(home: Home) -> Path:
    return home.feedback.with_suffix(".lock")
