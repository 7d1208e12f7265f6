"""Whether an artifact is what was stored: the hashes of its files, and the seal of its manifest.

Hashing reads every byte, some 1 GB/s. A step has all that it reads hashed anew; whoever only asks for an artifact (a
hit, a question, a report) has it hashed once a day, and at once where a file is another by size, times or inode.
HOME/store/<step>/<key>.verified remembers when; where it cannot be written, each question hashes.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.store.hashing import file_sha256

MANIFEST, SEAL = "manifest.json", "seal"
SECONDS_BELIEVED = 24 * 3600.0  # a disk's own decay leaves sizes and times as they are
SECONDS_UNSETTLED = 1.0  # a file that changed so lately may change again without another time


class DamagedArtifact(UserError):
    """A file of an artifact is not what was stored."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an artifact; FileNotFoundError where it has none, DamagedArtifact where it was changed."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        seal = manifest.get(SEAL)
    except (ValueError, AttributeError) as error:
        raise damaged(path) from error
    if seal and seal != _seal(manifest):
        raise damaged(path)
    return manifest


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with its own hash in it."""
    return {**manifest, SEAL: _seal(manifest)}


def verify(folder: Path) -> None:
    """Every file of an artifact is read and its hash compared; DamagedArtifact names the first that differs."""
    try:
        manifest = read_manifest(folder)
    except OSError as error:
        raise damaged(folder / MANIFEST) from error
    if names := damaged_files(folder, manifest):
        raise damaged(folder / names[0])


def verify_daily(folder: Path, remember: bool = True) -> None:
    """The same, unless that was done within a day and no file has changed since; `remember` writes when it was."""
    before = _state(folder)
    now = time.time()
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(_memory(folder).read_text(encoding="utf-8"))
        if known["files"] == before and 0 <= now - known["at"] < SECONDS_BELIEVED:
            return
    verify(folder)
    is_settled = all(changed / 1e9 < now - SECONDS_UNSETTLED for _, _, changed, _ in before.values())
    if remember and is_settled:
        written = _memory(folder).with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):  # of a home that cannot be written, or a full disk
            written.write_text(json.dumps({"at": now, "files": before}), encoding="utf-8")
            written.replace(_memory(folder))  # a file of its own: a copied home may share the old one by a hard link


def forget_verification(folder: Path) -> None:
    """Nothing is known of that folder any more, as it goes."""
    _memory(folder).unlink(missing_ok=True)


def damaged_files(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """The names of the manifest's files that are missing, cut or changed."""
    return [name for name, entry in manifest["files"].items() if not _is_whole(folder / name, entry)]


def damaged(path: Path) -> DamagedArtifact:
    """The error of that file, with the artifact's folder in its fix."""
    folder = next((p for p in path.parents[:-1] if p.with_name(f"{p.name}.lock").exists()), path.parent)
    return DamagedArtifact(f"{path}: not what was stored (missing, cut or changed)", f"rm -r '{folder}' and run again")


def _is_whole(path: Path, entry: Mapping[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == entry["bytes"] and file_sha256(path) == entry["sha256"]


def _state(folder: Path) -> dict[str, list[int]]:
    """Size, times and inode of each file below."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): [info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino]
        for path in paths
        for info in [path.stat()]
    }


def _memory(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.verified")


def _seal(manifest: Mapping[str, Any]) -> str:
    content = {name: value for name, value in manifest.items() if name != SEAL}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
