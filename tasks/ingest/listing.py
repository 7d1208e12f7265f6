"""What a source holds, listed once at the start of a run: name, size and SHA-256 of each file.

Hashes are remembered by path, size and times, so that only new and changed files are read. Links are not followed:
what they point to inside the folder is read under its own name, and what lies outside was not asked for.
"""

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.hashing import file_sha256
from tasks.ingest.kinds import TEXT, cure_of, readable
from tasks.ingest.source_index import index_rows
from tasks.ingest.sources import File, FileSource, FolderSource, IngestConfig, PackageSource, Unread
from tasks.progress import progress
from tasks.store import write_durably

PACKED = ("gz", "zst", "bz2", "xz")
SETTLED_NS = 2_000_000_000  # a file touched less than this ago may change again within one tick of its clock

Times = tuple[int, int, int]  # bytes, mtime_ns, ctime_ns


@dataclass
class Listing:
    """The files of a source that are read, those that are not by ending, and what else there is to say of it."""

    files: tuple[File, ...] = ()
    unread: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass
class Found:
    """What a walk met, before any file is opened."""

    root: Path
    files: dict[str, Times] = field(default_factory=dict)
    unread: dict[str, dict[str, int]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def passed_over(self, ending: str, size: int) -> None:
        count = self.unread.setdefault(ending, {"files": 0, "bytes": 0})
        count["files"] += 1
        count["bytes"] += size


def list_sources(config: IngestConfig, home: Path, write: bool = True) -> dict[str, Listing]:
    """Each source's files in reading order; UserError where one is missing or has nothing to read."""
    return {name: _list(name, source, home, write) for name, source in config.read().items()}


def walked(name: str, source: FileSource, home: Path) -> "Found":
    """What lies there, by name and size alone: no file is opened."""
    return _walk_package(source) if isinstance(source, PackageSource) else _walk_folder(name, source, home)


def no_text(name: str, found: "Found") -> UserError:
    """What to say of a folder without a file that can be read."""
    seen = f" (there are: {', '.join(sorted(found.unread))})" if found.unread else ""
    cures = "".join(f"{cure}; " for cure in dict.fromkeys(filter(None, map(cure_of, sorted(found.unread)))))
    return UserError(
        f"{name}: {found.root} holds no file that can be read{seen}",
        f"{cures}give a folder with {', '.join(readable())} files, and see `include` and `exclude` of the source",
    )


def root_of(source: FileSource) -> Path:
    """The folder that the names of a source's files are relative to."""
    if isinstance(source, PackageSource):
        return Path(str(_distribution(source.package).locate_file("")))
    path = source.path.expanduser().resolve()
    return path.parent if path.is_file() else path


def ending(name: str) -> str:
    """`.txt`, `.jsonl.gz`, or `(none)`: in lower case, with what a compressed file holds."""
    first, *suffixes = name[name.rfind("/") + 1 :].lower().split(".")
    if not suffixes or (not first and len(suffixes) == 1):
        return "(none)"
    inner = 2 if len(suffixes) > 1 and suffixes[-1] in PACKED else 1
    return "." + ".".join(suffixes[-inner:])


def kilobytes(size: int) -> int:
    """For progress: a file counts for one at least, since a tiny one takes its time too."""
    return size // 1000 + 1


def _list(name: str, source: FileSource, home: Path, write: bool) -> Listing:
    found = walked(name, source, home)
    notes = list(found.notes)
    if found.links:
        notes.append(
            f"{name}: {len(found.links)} links not followed ({_some(found.links)}): name their folder as a source"
        )
    if not found.files:
        raise no_text(name, found)
    hashes = _hashes(found, home, write)
    rows = index_rows(name, source, found.root, list(found.files)) if source.index else {}
    if without := [n for n in found.files if source.index and n not in rows and ending(n) in TEXT]:
        notes.append(f"{name}: {len(without)} texts without a row in {source.index} ({_some(without)})")
    files = tuple(File(n, found.files[n][0], hashes[n], rows.get(n, "")) for n in sorted(found.files))
    return Listing(files, found.unread, tuple(notes))


def _walk_folder(name: str, source: FolderSource, home: Path) -> Found:
    path = source.path.expanduser()
    if not path.exists():
        raise UserError(f"{name}: no folder {path}", "give the path of a folder of text: --set ingest.path=FOLDER")
    found = Found(root_of(source))
    if path.is_file():
        found.files[path.name] = _times(path.stat())
        return found
    try:
        for relative, entry in _entries(found, found.root, "", home.resolve()):
            _place(found, source, relative, entry)
    except PermissionError as error:
        raise UserError(f"{name}: {error.filename} may not be read", "change its permissions, or exclude it") from error
    return found


def _entries(found: Found, folder: Path, prefix: str, home: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every plain file below the folder; hidden ones, links and the home of runs are counted or noted instead."""
    folders = [(folder, prefix)]
    while folders:
        folder, prefix = folders.pop()
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                relative = f"{prefix}{entry.name}"
                if entry.is_symlink():
                    found.links.append(relative)
                elif entry.name.startswith("."):
                    found.passed_over("(hidden)", 0 if entry.is_dir() else entry.stat().st_size)
                elif not entry.is_dir():
                    yield relative, entry
                elif Path(entry.path) == home:
                    found.notes.append(f"{entry.path}: not read, since runs are written there")
                else:
                    folders.append((Path(entry.path), f"{relative}/"))


def _place(found: Found, source: FolderSource, relative: str, entry: os.DirEntry[str]) -> None:
    if relative == source.index or not _chosen(source, relative):
        return
    info = entry.stat()
    if not stat.S_ISREG(info.st_mode):
        found.passed_over("(no plain file)", 0)
    elif not _is_unicode(relative):
        found.passed_over("(name is not UTF-8)", info.st_size)
    elif not _is_read(source, relative) or _is_of_datasets(Path(entry.path)):
        found.passed_over(ending(relative), info.st_size)
    else:
        found.files[relative] = _times(info)


def _walk_package(source: PackageSource) -> Found:
    distribution = _distribution(source.package)
    found = Found(root_of(source))
    for path in distribution.files or ():
        relative = path.as_posix()
        if ".." in path.parts or path.parts[0].endswith(".dist-info") or "__pycache__" in path.parts:
            continue
        if relative == source.index or not _chosen(source, relative):
            continue
        info = Path(str(path.locate())).stat()
        if _is_read(source, relative):
            found.files[relative] = _times(info)
        else:
            found.passed_over(ending(relative), info.st_size)
    return found


def _distribution(package: str) -> Any:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(package)
    except PackageNotFoundError as error:
        raise UserError(f"the package {package!r} is not installed", f"pip install {package}") from error


def _is_of_datasets(path: Path) -> bool:
    """What `datasets` keeps beside the tables of a dataset saved on disk, and leaves of a map."""
    if path.name in ("state.json", "dataset_info.json"):
        return (path.parent / "state.json").is_file() and (path.parent / "dataset_info.json").is_file()
    return path.name == "dataset_dict.json" or fnmatchcase(path.name, "cache-*.arrow")


def _is_read(source: FileSource, relative: str) -> bool:
    return ending(relative) in (*readable(), *source.as_text)


def _chosen(source: FileSource, relative: str) -> bool:
    included = not source.include or any(fnmatchcase(relative, glob) for glob in source.include)
    return included and not any(fnmatchcase(relative, glob) for glob in source.exclude)


def _hashes(found: Found, home: Path, write: bool) -> dict[str, str]:
    """SHA-256 by name: from memory where size and times are as they were, else from the file."""
    memory = (
        home / "listings" / f"{hashlib.sha256(str(found.root).encode(errors='surrogateescape')).hexdigest()[:16]}.json"
    )
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


def _times(info: os.stat_result) -> Times:
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns


def _is_unicode(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _some(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:3]) + (", …" if len(names) > 3 else "")


def told(listings: Mapping[str, Listing]) -> list[str]:
    """What a person should know of the listings: links not followed, texts without metadata, files not read."""
    notes = [note for listing in listings.values() for note in listing.notes]
    return notes + [unread_note(name, listing.unread) for name, listing in listings.items() if listing.unread]


def unread_note(name: str, unread: Unread) -> str:
    """`stories: files not read: 3 .doc (save them as .docx or .pdf), 1 .xyz`"""
    by_cure: dict[str | None, list[str]] = {}
    for end, count in sorted(unread.items()):
        by_cure.setdefault(cure_of(end), []).append(f"{count['files']:,} {end}")
    told = (", ".join(ends) + (f" ({cure})" if cure else "") for cure, ends in by_cure.items())
    return f"{name}: files not read: " + ", ".join(told)
