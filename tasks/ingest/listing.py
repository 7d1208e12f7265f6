"""What a source holds, listed once at the start of a run: name, size and SHA-256 of each file.

Hashes are remembered by path, size and times, so that only new and changed files are read.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.kinds import TEXT, cure_of, ending
from tasks.ingest.source_index import index_rows
from tasks.ingest.sources import File, FileSource, IngestConfig, Unread
from tasks.ingest.walk import Found, Times, no_text, some, walked
from tasks.progress import progress
from tasks.store.artifacts import write_durably
from tasks.store.hashing import file_sha256

SETTLED_NS = 2_000_000_000  # a file touched less than this ago may change again within one tick of its clock


@dataclass
class Listing:
    """The files of a source that are read, those that are not by ending, and what else there is to say of it."""

    files: tuple[File, ...] = ()
    unread: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def list_sources(config: IngestConfig, home: Home, write: bool = True) -> dict[str, Listing]:
    """Each source's files in reading order; UserError where one is missing or has nothing to read."""
    return {name: _list(name, source, home, write) for name, source in config.read().items()}


def kilobytes(size: int) -> int:
    """For progress: a file counts for one at least, since a tiny one takes its time too."""
    return size // 1000 + 1


def _list(name: str, source: FileSource, home: Home, write: bool) -> Listing:
    found = walked(name, source, home)
    if not found.files:
        raise no_text(name, found)
    notes = list(found.notes)
    hashes = _hashes(found, home, write)
    rows = index_rows(name, source, found.root, list(found.files)) if source.index else {}
    if without := [n for n in found.files if source.index and n not in rows and ending(n) in TEXT]:
        notes.append(f"{name}: {len(without)} texts without a row in {source.index} ({some(without)})")
    files = tuple(File(n, found.files[n][0], hashes[n], rows.get(n, "")) for n in sorted(found.files))
    return Listing(files, found.unread, tuple(notes))


def _hashes(found: Found, home: Home, write: bool) -> dict[str, str]:
    """SHA-256 by name: from memory where size and times are as they were, else from the file."""
    memory = home.listings / f"{hashlib.sha256(str(found.root).encode(errors='surrogateescape')).hexdigest()[:16]}.json"
    known = _remembered(memory)
    hashes = {n: known[n][1] for n, times in found.files.items() if n in known and tuple(known[n][0]) == times}
    new = [name for name in found.files if name not in hashes]
    with progress("hashing files", sum(kilobytes(found.files[n][0]) for n in new), "kB") as advance:
        for name in new:
            hashes[name] = _sha256(found.root / name)
            advance(kilobytes(found.files[name][0]))
    if write and new:
        settled = time.time_ns() - SETTLED_NS
        kept = {n: [times, hashes[n]] for n, times in found.files.items() if max(times[1:]) < settled}
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_durably(
            memory, json.dumps({n: known[n] for n in hashes if n in known} | kept, ensure_ascii=False).encode()
        )
    return hashes


def _remembered(memory: Path) -> dict[str, tuple[Times, str]]:
    try:
        return json.loads(memory.read_text())
    except (FileNotFoundError, ValueError):  # a memory that cannot be read costs time, no more
        return {}


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except PermissionError as error:
        raise UserError(f"{path}: may not be read", "change its permissions, or exclude it") from error
    except FileNotFoundError as error:
        raise UserError(f"{path}: gone while the source was listed", "run again when the folder is at rest") from error


def told(listings: Mapping[str, Listing]) -> list[str]:
    """What a person should know of the listings: links not followed, texts without metadata, files not read."""
    notes = [note for listing in listings.values() for note in listing.notes]
    return notes + [unread_note(name, listing.unread) for name, listing in listings.items() if listing.unread]


def unread_note(name: str, unread: Unread) -> str:
    """`stories: files not read: 3 .doc (save them as .docx or .pdf), 1 .xyz`"""
    by_cure: dict[str, list[str]] = {}
    for end, count in sorted(unread.items()):
        by_cure.setdefault(cure_of(end), []).append(f"{count['files']:,} {end}")
    told = (f"{', '.join(ends)} ({cure})" for cure, ends in by_cure.items())
    return f"{name}: files not read: " + ", ".join(told)
