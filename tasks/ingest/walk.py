"""What lies in a source, by name and size alone: no file is opened.

Links are not followed: what they point to inside the folder is read under its own name, and what lies outside was not
asked for.
"""

import json
import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.kinds import AS_TEXT, NO_ACCESS, cure_of, ending, readable, told
from tasks.ingest.sources import FileSource, FolderSource, PackageSource

Times = tuple[int, int, int]  # bytes, mtime_ns, ctime_ns
COPY_LINKED = "copy what they point to (cp -rL FOLDER COPY) and give the copy, or name their folder as a source"


@dataclass
class Found:
    """What a walk met, before any file is opened."""

    root: Path  # of the names
    path: Path  # as it was asked for
    files: dict[str, Times] = field(default_factory=dict)
    unread: dict[str, dict[str, int]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def passed_over(self, ending: str, size: int) -> None:
        count = self.unread.setdefault(ending, {"files": 0, "bytes": 0})
        count["files"] += 1
        count["bytes"] += size

    def sort(self, name: str, info: os.stat_result, is_read: bool) -> None:
        if is_read:
            self.files[name] = (info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        else:
            self.passed_over(ending(name), info.st_size)


def walked(name: str, source: FileSource, home: Home) -> Found:
    """What lies there, by name and size alone; UserError where there is no such folder or package."""
    found = _walk_package(source) if isinstance(source, PackageSource) else _walk_folder(name, source, home)
    if found.links:
        found.notes.append(f"{name}: {_counted(found.links)} not followed ({some(found.links)}): {COPY_LINKED}")
    return found


def no_text(name: str, found: Found, is_new: bool = False) -> UserError:
    """What to say where no file can be read; `is_new`: no recipe names the source yet, `init` will write it."""
    links = [_counted(found.links)] if found.links else []
    seen = ", ".join([*sorted(found.unread), *links])
    texts = [end for end in sorted(found.unread) if cure_of(end) == AS_TEXT]
    cures = list(dict.fromkeys(cure_of(end) for end in sorted(found.unread) if end not in texts))
    if texts:
        command = shlex.join(
            ["triptych", "init", _shown(found.path), *(w for end in texts for w in ("--as-text", end))]
        )
        way = command if is_new else f"as_text = {json.dumps(texts)} in their source"
        cures.insert(0, f"where {', '.join(texts)} files hold plain text: {way}")
    cures += [COPY_LINKED] if found.links else []
    cures.append(f"give a folder with {told()}, and see `include` and `exclude` of the source")
    what = f"{name}: {found.path} holds no file that can be read" + (f" (there are: {seen})" if seen else "")
    return UserError(what, "; ".join(cures))


def _counted(links: list[str]) -> str:
    return f"{len(links):,} link{'s' if len(links) > 1 else ''}"


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def root_of(source: FileSource) -> Path:
    """The folder that the names of a source's files are relative to."""
    return (
        Path(str(_distribution(source.package).locate_file("")))
        if isinstance(source, PackageSource)
        else _root(source.path)
    )


def _root(path: Path) -> Path:
    path = path.expanduser()
    return path.parent.resolve() if path.is_file() else path.resolve()  # a link to a file has a name of its own


def _walk_folder(name: str, source: FolderSource, home: Home) -> Found:
    path = source.path.expanduser()
    if not path.exists():
        raise UserError(f"{name}: no folder {path}", "give the path of a folder of text: --set ingest.path=FOLDER")
    found = Found(_root(path), path)
    if path.is_file():
        found.sort(path.name, path.stat(), _is_read(source, path.name))
        return found
    for relative, entry in _entries(found, source, home.path.resolve()):
        if relative != source.index and _chosen(source, relative):
            _place(found, source, relative, entry)
    return found


def _entries(found: Found, source: FolderSource, home: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every plain file below the folder; hidden ones, links and the home of runs are counted or noted instead."""
    folders = [(found.root, "")]
    while folders:
        folder, prefix = folders.pop()
        for entry in _scanned(found, source, folder, prefix):
            relative = f"{prefix}{entry.name}"
            if entry.is_symlink():
                found.links.append(relative)
            elif entry.name.startswith("."):
                found.passed_over("(hidden)", 0 if entry.is_dir() else _size(entry))
            elif not entry.is_dir():
                yield relative, entry
            elif Path(entry.path) == home:
                found.notes.append(f"{entry.path}: not read, since runs are written there")
            else:
                folders.append((Path(entry.path), f"{relative}/"))


def _scanned(found: Found, source: FolderSource, folder: Path, prefix: str) -> list[os.DirEntry[str]]:
    """What the folder holds, by name; one that may not be read is counted, unless all in it is excluded."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        if not any(glob.endswith("*") and fnmatchcase(prefix, glob) for glob in source.exclude):
            found.passed_over(NO_ACCESS, 0)
        return []


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except PermissionError:  # its folder may be listed, and no more
        return 0


def _place(found: Found, source: FolderSource, relative: str, entry: os.DirEntry[str]) -> None:
    try:
        info = entry.stat()
    except PermissionError:
        found.passed_over(NO_ACCESS, 0)
        return
    is_read = _is_read(source, relative) and not _is_of_datasets(Path(entry.path))
    if not stat.S_ISREG(info.st_mode):
        found.passed_over("(no plain file)", 0)
    elif not _is_unicode(relative):
        found.passed_over("(name is not UTF-8)", info.st_size)
    elif is_read and not os.access(entry.path, os.R_OK):
        found.passed_over(NO_ACCESS, info.st_size)
    else:
        found.sort(relative, info, is_read)


def _walk_package(source: PackageSource) -> Found:
    distribution = _distribution(source.package)
    found = Found(root_of(source), root_of(source))
    for path in distribution.files or ():
        relative = path.as_posix()
        if ".." in path.parts or path.parts[0].endswith(".dist-info") or "__pycache__" in path.parts:
            continue
        if relative == source.index or not _chosen(source, relative):
            continue
        found.sort(relative, Path(str(path.locate())).stat(), _is_read(source, relative))
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


def _is_unicode(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def some(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:3]) + (", …" if len(names) > 3 else "")
