"""The files of a source by name and size alone: no file is opened.

Links are not followed: a target inside the folder is read under its own name, and a target outside of it is not part
of the source.
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
from tasks.ingest.kinds import AS_TEXT, NO_ACCESS, cure_of, ending, readable, readable_in_words
from tasks.ingest.sources import FileSource, FolderSource, PackageSource

Times = tuple[int, int, int]  # bytes, mtime_ns, ctime_ns
COPY_LINKED = "copy what they point to (cp -rL FOLDER COPY) and give the copy, or name their folder as a source"


@dataclass
class SourceWalk:
    """What a source's folder holds: files to read, files of unsupported kinds, links, and notes for a person."""

    root: Path  # of the names
    path: Path  # as the recipe has it
    files: dict[str, Times] = field(default_factory=dict)
    unsupported: dict[str, dict[str, int]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, ending: str, size: int) -> None:
        count = self.unsupported.setdefault(ending, {"files": 0, "bytes": 0})
        count["files"] += 1
        count["bytes"] += size

    def sort(self, name: str, info: os.stat_result, is_supported: bool) -> None:
        if is_supported:
            self.files[name] = (info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        else:
            self.skip(ending(name), info.st_size)


def walk_source(name: str, source: FileSource, home: Home) -> SourceWalk:
    """The files of a source, by name and size; UserError where there is no such folder or package."""
    walk = _walk_package(source) if isinstance(source, PackageSource) else _walk_folder(name, source, home)
    if walk.links:
        walk.notes.append(f"{name}: {_links(walk)} not followed ({first_names(walk.links)}): {COPY_LINKED}")
    return walk


def nothing_to_read(name: str, walk: SourceWalk, is_new: bool = False) -> UserError:
    """The error for a source with no file to read; `is_new`: no recipe names it yet, `init` will write it."""
    links = [_links(walk)] if walk.links else []
    present = ", ".join([*sorted(walk.unsupported), *links])
    texts = [end for end in sorted(walk.unsupported) if cure_of(end) == AS_TEXT]
    cures = list(dict.fromkeys(cure_of(end) for end in sorted(walk.unsupported) if end not in texts))
    if texts:
        command = shlex.join(
            ["triptych", "init", _relative_to_here(walk.path), *(w for end in texts for w in ("--as-text", end))]
        )
        setting = command if is_new else f"as_text = {json.dumps(texts)} in their source"
        cures.insert(0, f"where {', '.join(texts)} files hold plain text: {setting}")
    cures += [COPY_LINKED] if walk.links else []
    cures.append(f"give a folder with {readable_in_words()}, and see `include` and `exclude` of the source")
    what = f"{name}: {walk.path} holds no file that can be read" + (f" (there are: {present})" if present else "")
    return UserError(what, "; ".join(cures))


def _links(walk: SourceWalk) -> str:
    return f"{len(walk.links):,} link{'s' if len(walk.links) > 1 else ''}"


def _relative_to_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def first_names(names: list[str]) -> str:
    """The first three names, quoted."""
    return ", ".join(repr(name) for name in names[:3]) + (", …" if len(names) > 3 else "")


def root_of(source: FileSource) -> Path:
    """The folder that the names of a source's files are relative to."""
    if isinstance(source, PackageSource):
        return Path(str(_distribution(source.package).locate_file("")))
    return _root(source.path)


def _root(path: Path) -> Path:
    path = path.expanduser()
    return path.parent.resolve() if path.is_file() else path.resolve()  # a link to a file has a name of its own


def _walk_folder(name: str, source: FolderSource, home: Home) -> SourceWalk:
    path = source.path.expanduser()
    if not path.exists():
        raise UserError(f"{name}: no folder {path}", "give the path of a folder of text: --set ingest.path=FOLDER")
    walk = SourceWalk(_root(path), path)
    if path.is_file():
        walk.sort(path.name, path.stat(), _is_supported(source, path.name))
        return walk
    for relative, entry in _entries(walk, source, home.path.resolve()):
        if relative != source.index and _is_selected(source, relative):
            _sort_entry(walk, source, relative, entry)
    return walk


def _entries(walk: SourceWalk, source: FolderSource, home: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every plain file below the folder; hidden ones, links and the home of runs are counted or noted instead."""
    folders = [(walk.root, "")]
    while folders:
        folder, prefix = folders.pop()
        for entry in _scan(walk, source, folder, prefix):
            relative = f"{prefix}{entry.name}"
            if entry.is_symlink():
                walk.links.append(relative)
            elif entry.name.startswith("."):
                walk.skip("(hidden)", 0 if entry.is_dir() else _size(entry))
            elif not entry.is_dir():
                yield relative, entry
            elif Path(entry.path) == home:
                walk.notes.append(f"{entry.path}: not read, since runs are written there")
            else:
                folders.append((Path(entry.path), f"{relative}/"))


def _scan(walk: SourceWalk, source: FolderSource, folder: Path, prefix: str) -> list[os.DirEntry[str]]:
    """The folder's entries by name; one without read permission is counted, unless all of it is excluded."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        if not any(glob.endswith("*") and fnmatchcase(prefix, glob) for glob in source.exclude):
            walk.skip(NO_ACCESS, 0)
        return []


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except PermissionError:  # its folder may be listed, and no more
        return 0


def _sort_entry(walk: SourceWalk, source: FolderSource, relative: str, entry: os.DirEntry[str]) -> None:
    try:
        info = entry.stat()
    except PermissionError:
        walk.skip(NO_ACCESS, 0)
        return
    is_supported = _is_supported(source, relative) and not _is_of_datasets(Path(entry.path))
    if not stat.S_ISREG(info.st_mode):
        walk.skip("(no plain file)", 0)
    elif not _is_unicode(relative):
        walk.skip("(name is not UTF-8)", info.st_size)
    elif is_supported and not os.access(entry.path, os.R_OK):
        walk.skip(NO_ACCESS, info.st_size)
    else:
        walk.sort(relative, info, is_supported)


def _walk_package(source: PackageSource) -> SourceWalk:
    walk = SourceWalk(root_of(source), root_of(source))
    for path in _distribution(source.package).files or ():
        relative = path.as_posix()
        if ".." in path.parts or path.parts[0].endswith(".dist-info") or "__pycache__" in path.parts:
            continue
        if relative == source.index or not _is_selected(source, relative):
            continue
        walk.sort(relative, Path(str(path.locate())).stat(), _is_supported(source, relative))
    return walk


def _distribution(package: str) -> Any:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(package)
    except PackageNotFoundError as error:
        raise UserError(f"the package {package!r} is not installed", f"pip install {package}") from error


def _is_of_datasets(path: Path) -> bool:
    """Whether `datasets` wrote the file beside the tables of a dataset saved on disk, or as the cache of a map."""
    if path.name in ("state.json", "dataset_info.json"):
        return (path.parent / "state.json").is_file() and (path.parent / "dataset_info.json").is_file()
    return path.name == "dataset_dict.json" or fnmatchcase(path.name, "cache-*.arrow")


def _is_supported(source: FileSource, relative: str) -> bool:
    return ending(relative) in (*readable(), *source.as_text)


def _is_selected(source: FileSource, relative: str) -> bool:
    """Whether `include` and `exclude` of the source let the file through."""
    included = not source.include or any(fnmatchcase(relative, glob) for glob in source.include)
    return included and not any(fnmatchcase(relative, glob) for glob in source.exclude)


def _is_unicode(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)
