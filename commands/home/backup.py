"""`triptych backup` and `triptych restore`: a home in a folder, whole and verified, and out of it into an empty one.

    DIR/backup.json      what it is of, and each file's size and SHA-256       DIR/backup.sha256   the hash of that
    DIR/home/            the files as they lay in the home, databases as one consistent copy each

Servers and runs may go on meanwhile. First comes what points, then what it points to: whatever a copied record or
database names is in the backup. Not in it: locks, process records, logs, work that was cut short, and the user's files.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from flows.record import RECORDS
from flows.retention import STORE, needed
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.progress import progress, say
from tasks.store.artifacts import write_durably
from tasks.store.contents import Stored, read_contents
from tasks.store.garbage import in_use
from tasks.store.hashing import file_sha256
from tasks.store.locks import exclusive
from tasks.store.verification import MANIFEST, damaged, read_manifest
from tasks.tracking.connection import DATABASE
from tasks.tracking.moved import move_addresses
from tasks.tracking.server import mlflow_server

FORMAT = 1
CONTENTS, SEAL, BELOW = "backup.json", "backup.sha256", "home"
DATABASES = (DATABASE, "prefect/prefect.db")
NOT_KEPT = {
    "logs",
    "listings",
    "prefect",
    "gguf",
    "converted",
    "scratch",
    STORE,
}  # of this machine, or made again; the store goes by what is needed
POINTING = (RECORDS, "outbox", "corpora")  # copied before what they point to
SKIPPED = ".skipped"  # the store's note that a step has nothing to do
CHUNK = 1 << 20
LIVE = Home(Path()).live.parts  # below a home: only locks of runs at work


@dataclass
class Copy:
    """Files on their way into a folder: read once, hashed as they are read; names of one file stay names of one."""

    to: Path
    files: dict[str, dict[str, Any]]
    made: dict[tuple[int, int], Path]

    def add(self, source: Path, name: str) -> None:
        """Copies one file; one that went in the meantime, as an event does that MLflow has seen, is left out."""
        try:
            info = source.stat()
        except FileNotFoundError:
            return
        target = self.to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        twin = self.made.get((info.st_dev, info.st_ino))
        if twin is not None:
            os.link(twin, target)
            self.files[name] = self.files[str(twin.relative_to(self.to))]
            return
        self.files[name] = _copy_file(source, target)
        if info.st_nlink > 1:
            self.made[info.st_dev, info.st_ino] = target


def backup(home: Home, to: Path, everything: bool = False) -> dict[str, Any]:
    """Where the backup lies, and what is in it; UserError where something in the home is damaged."""
    to = to.absolute()
    _refuse_place(home, to)
    partial = to.with_name(f".{to.name}.partial-{os.getpid()}")
    copy = Copy(partial / BELOW, {}, {})
    try:
        copy.to.mkdir(parents=True)
        with in_use(home.store):
            keys = needed(home)
            for name in POINTING:
                _add_tree(copy, home, home / name)
            with exclusive(home.registry_lock):
                for name in DATABASES:
                    _add_database(copy, home / name, name)
                _add_rest(copy, home)
            held = read_contents(home.store).artifacts
            keys = set(held) if everything else keys | needed(home)
            _add_store(copy, home, [a for key, a in held.items() if key in keys])
        contents = {"format": FORMAT, "home": str(home), "made": datetime.now(UTC).isoformat(timespec="seconds")}
        text = json.dumps(contents | {"files": copy.files}, indent=1, sort_keys=True).encode()
        write_durably(partial / CONTENTS, text)
        write_durably(partial / SEAL, f"{sha256(text).hexdigest()}  {CONTENTS}\n".encode())
        partial.rename(to)  # over an empty folder, if there is one
    except OSError as error:
        raise UserError(
            f"{error.filename or to}: {error.strerror}", "free some space, or give another folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    report = {"path": str(to), "files": len(copy.files), "bytes": _bytes(copy.files)}
    if server := mlflow_server():
        say(f"not in this backup: runs and registry of {server}; back up its database and artifacts where it runs")
        report["not_included"] = str(server)
    return report | {"sha256": sha256(text).hexdigest()}


def restore(home: Home, source: Path) -> dict[str, Any]:
    """The home as it was; UserError with the first file that is not what was backed up, and nothing is written then."""
    source = source.absolute()
    if home.path.exists() and (not home.path.is_dir() or any(home.path.iterdir())):
        raise UsageError(f"{home} is not empty", "set TRIPTYCH_HOME to a folder that is empty or not there yet")
    contents = _contents(source)
    files: dict[str, dict[str, Any]] = contents["files"]
    with progress("verifying", _bytes(files) // 1000 + 1, "kB") as advance:
        for name, entry in files.items():
            _verify(source / BELOW / name, entry)
            advance(entry["bytes"] // 1000)
    partial = home.path.with_name(f".{home.path.name}.restoring-{os.getpid()}")
    copy = Copy(partial, {}, {})
    try:
        partial.mkdir(parents=True)
        for name, entry in files.items():
            copy.add(source / BELOW / name, name)
            if copy.files.get(name) != entry:
                raise _wrong(source / BELOW / name)
        _settle(partial, Path(contents["home"]), home.path)
        partial.rename(home)
    except OSError as error:
        raise UserError(
            f"{error.filename or home}: {error.strerror}", "free some space, or give another home"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {"home": str(home), "was": contents["home"], "made": contents["made"], "files": len(files)} | {
        "bytes": _bytes(files)
    }


def _refuse_place(home: Home, to: Path) -> None:
    if not home.records.is_dir() and not home.mlflow_database.is_file():
        raise UserError(f"{home} holds no run yet", "set TRIPTYCH_HOME to the home that is meant")
    if to.resolve().is_relative_to(home.path.resolve()):
        raise UsageError(f"{to} lies in the home itself", "give a folder elsewhere, best on another disk")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"{to} exists and is not empty", "give a folder that is not there yet")


def _add_tree(copy: Copy, home: Home, folder: Path) -> None:
    for path in _plain_files(folder):
        copy.add(path, path.relative_to(home).as_posix())


def _add_rest(copy: Copy, home: Home) -> None:
    """All else in the home, whatever room it belongs to: aliases, audit, keys, MLflow's artifacts, fetched datasets."""
    for path in sorted(home.path.iterdir()):
        if path.name in {*NOT_KEPT, *POINTING} or path.name.startswith(DATABASE):
            continue
        _add_tree(copy, home, path)


def _add_database(copy: Copy, database: Path, name: str) -> None:
    """One moment of a database that others may be writing."""
    if not database.is_file():
        return
    target = copy.to / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        reading = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
        with closing(reading) as source, closing(sqlite3.connect(target)) as made:
            source.backup(made)
            made.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
    except sqlite3.Error as error:
        raise UserError(f"{database}: {error}", "end the program that holds it, and back up again") from error
    copy.files[name] = {"bytes": target.stat().st_size, "sha256": file_sha256(target)}


def _add_store(copy: Copy, home: Home, artifacts: list[Stored]) -> None:
    """The artifacts, each file compared with its manifest: damage must not be kept for sound."""
    for path in sorted(home.store.rglob(f"*{SKIPPED}")):
        copy.add(path, path.relative_to(home).as_posix())
    with progress("copying artifacts", max(len(artifacts), 1), "artifacts") as advance:
        for artifact in artifacts:
            manifest = read_manifest(artifact.path)
            for name, entry in {MANIFEST: None, **manifest["files"]}.items():
                place = (artifact.path / name).relative_to(home).as_posix()
                copy.add(artifact.path / name, place)
                if place not in copy.files or (entry and copy.files[place]["sha256"] != entry["sha256"]):
                    raise damaged(artifact.path / name)
            advance(1)


def _plain_files(folder: Path) -> Iterator[Path]:
    """Files that have something to say later; no links, locks, live marks or half-made things."""
    if folder.is_file() and not folder.is_symlink():
        if not folder.name.endswith((".lock", ".tmp", ".partial")):
            yield folder
    elif folder.is_dir() and not folder.is_symlink() and not folder.name.endswith(".partial"):
        for path in sorted(folder.iterdir()):
            if path.parts[-2:] != LIVE:
                yield from _plain_files(path)


def _copy_file(source: Path, target: Path) -> dict[str, Any]:
    digest, count = sha256(), 0
    with source.open("rb") as read, target.open("wb") as written:
        while chunk := read.read(CHUNK):
            written.write(chunk)
            digest.update(chunk)
            count += len(chunk)
        written.flush()
        os.fsync(written.fileno())
    shutil.copymode(source, target)
    return {"bytes": count, "sha256": digest.hexdigest()}


def _contents(source: Path) -> dict[str, Any]:
    try:
        text, seal = (source / CONTENTS).read_bytes(), (source / SEAL).read_text()
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}", "give a folder that `triptych backup` made") from error
    if seal.split()[:1] != [sha256(text).hexdigest()]:
        raise _wrong(source / CONTENTS)
    contents = json.loads(text)
    if contents["format"] != FORMAT:
        raise UserError(f"{source}: a backup of format {contents['format']}", "restore it with a newer triptych")
    for name in contents["files"]:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise _wrong(source / CONTENTS)
    return contents


def _verify(path: Path, entry: Mapping[str, Any]) -> None:
    if not path.is_file() or path.stat().st_size != entry["bytes"] or file_sha256(path) != entry["sha256"]:
        raise _wrong(path)


def _wrong(path: Path) -> UserError:
    return UserError(
        f"{path}: not what was backed up (missing, cut or changed); nothing was restored",
        "copy the backup again from where it came, or take an older one",
    )


def _settle(folder: Path, old: Path, new: Path) -> None:
    """Makes a home that lies in `folder`, and was `old`, true at its new place."""
    if (folder / DATABASE).is_file():
        move_addresses(folder / DATABASE, old, new)
    for path in [*(folder / RECORDS).glob("*.json"), *(folder / "outbox").rglob("*.json")]:
        write_durably(path, json.dumps(_moved(json.loads(path.read_bytes()), str(old), str(new)), indent=1).encode())


def _moved(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str) and (value == old or value.startswith(f"{old}/")):
        return new + value.removeprefix(old)
    if isinstance(value, dict):
        return {key: _moved(inner, old, new) for key, inner in value.items()}
    return [_moved(inner, old, new) for inner in value] if isinstance(value, list) else value


def _bytes(files: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(entry["bytes"] for entry in files.values())
