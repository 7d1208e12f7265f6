"""The files of each source, listed once at the start of a run: name, size and SHA-256.

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
from tasks.ingest.sources import File, FileSource, IngestConfig, UnsupportedFiles
from tasks.ingest.walk import SourceWalk, Times, first_names, nothing_to_read, walk_source
from tasks.progress import progress
from tasks.store.artifacts import write_durably
from tasks.store.hashing import file_sha256

SETTLED_NS = 2_000_000_000  # a file touched less than this ago may change again within one tick of its clock


@dataclass
class Listing:
    """The files of a source that are read, those of unsupported kinds, and notes for a person."""

    files: tuple[File, ...] = ()
    unsupported: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def list_sources(config: IngestConfig, home: Home, remember: bool = True) -> dict[str, Listing]:
    """Each source's files in reading order; UserError where one is missing or has nothing to read.

    remember: the hashes of files that were read are kept in the home.
    """
    return {name: _list(name, source, home, remember) for name, source in config.read().items()}


def kilobytes(size: int) -> int:
    """The weight of a file in a progress bar, at least 1: opening a tiny file takes its time too."""
    return size // 1000 + 1


def _list(name: str, source: FileSource, home: Home, remember: bool) -> Listing:
    walk = walk_source(name, source, home)
    if not walk.files:
        raise nothing_to_read(name, walk)
    notes = list(walk.notes)
    hashes = _hashes(walk, home, remember)
    rows = index_rows(name, source, walk.root, list(walk.files)) if source.index else {}
    if without := [n for n in walk.files if source.index and n not in rows and ending(n) in TEXT]:
        notes.append(f"{name}: {len(without)} texts without a row in {source.index} ({first_names(without)})")
    files = tuple(File(n, walk.files[n][0], hashes[n], rows.get(n, "")) for n in sorted(walk.files))
    return Listing(files, walk.unsupported, tuple(notes))


def _hashes(walk: SourceWalk, home: Home, remember: bool) -> dict[str, str]:
    """SHA-256 by name: the remembered one where size and times are as they were, else computed from the file."""
    memory = home.listings / f"{hashlib.sha256(str(walk.root).encode(errors='surrogateescape')).hexdigest()[:16]}.json"
    known = _remembered(memory)
    hashes = {n: known[n][1] for n, times in walk.files.items() if n in known and tuple(known[n][0]) == times}
    new = [name for name in walk.files if name not in hashes]
    with progress("hashing files", sum(kilobytes(walk.files[n][0]) for n in new), "kB") as advance:
        for name in new:
            hashes[name] = _sha256(walk.root / name)
            advance(kilobytes(walk.files[name][0]))
    if remember and new:
        settled = time.time_ns() - SETTLED_NS
        stable = {n: [times, hashes[n]] for n, times in walk.files.items() if max(times[1:]) < settled}
        content = {n: known[n] for n in hashes if n in known} | stable
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_durably(memory, json.dumps(content, ensure_ascii=False).encode())
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
        raise UserError(f"{path}: no permission to read it", "change its permissions, or exclude it") from error
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: removed while the source was listed", "run again when the folder no longer changes"
        ) from error


def notes_of(listings: Mapping[str, Listing]) -> list[str]:
    """Notes for a person: links not followed, texts without metadata, unsupported files."""
    notes = [note for listing in listings.values() for note in listing.notes]
    return notes + [unsupported_note(name, one.unsupported) for name, one in listings.items() if one.unsupported]


def unsupported_note(name: str, unsupported: UnsupportedFiles) -> str:
    """`stories: files not read: 3 .doc (save them as .docx or .pdf), 1 .xyz`"""
    return f"{name}: files not read: {unsupported_in_words(unsupported)}"


def unsupported_in_words(unsupported: UnsupportedFiles) -> str:
    """`3 .doc (save them as .docx or .pdf), 1 .xyz`"""
    by_cure: dict[str, list[str]] = {}
    for end, count in sorted(unsupported.items()):
        by_cure.setdefault(cure_of(end), []).append(f"{count['files']:,} {end}")
    return ", ".join(f"{', '.join(ends)} ({cure})" for cure, ends in by_cure.items())
