"""The step store: where a step's work becomes true at one instant, and is never done twice.

    work = STORE/<step>/<key>.partial/      done = STORE/<step>/<key>/ with manifest.json, written last

Two callers of one key: one works, the other waits and uses the result (a lock file). A kill at any moment leaves
either a complete artifact or a partial one, which the next run resumes (where the step can) or clears away.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.errors import Skipped, as_user_error
from tasks.store.drift import code_digests, drift, environment, provenance
from tasks.store.hashing import file_sha256
from tasks.store.locks import exclusive
from tasks.store.step import TIMING, Frozen, Inputs, Stats, Step, canonical, fingerprint, keyed
from tasks.store.verification import (
    MANIFEST,
    DamagedArtifact,
    damaged_files,
    read_manifest,
    sealed,
    verify,
    verify_daily,
)


@dataclass(frozen=True)
class Artifact:
    """What a step made: complete, whole, and never changed again."""

    step: str
    key: str
    path: Path
    sha256: str
    stats: Stats
    seconds: float  # of work in this process; 0.0 for a hit
    hit: bool
    notes: tuple[str, ...] = ()  # on drift and reproduction, for the person who runs it


ArtifactInputs = Mapping[str, Artifact | Mapping[str, Artifact]]


@dataclass(frozen=True)
class Store:
    """The artifacts below `root`; with `strict`, code and library versions are part of every key."""

    root: Path
    strict: bool = False
    git_commit: str | None = field(default=None, compare=False)
    writes: bool = field(default=True, compare=False)  # False: not even when an artifact was verified is written

    def key(self, step: Step, config: Frozen, inputs: ArtifactInputs) -> str:
        extra = [code_digests(step), environment(step)["libraries"]] if self.strict else None
        return fingerprint(step, config, artifact_keys(inputs), extra)

    def folder(self, step: Step, key: str) -> Path:
        return self.root / step.name / key

    def work(self, step: Step, key: str) -> Path:
        """Where the artifact of that key is being made."""
        return self.root / step.name / f"{key}.partial"

    def find(self, step: Step, key: str, config: Frozen | None = None) -> Artifact | None:
        """The complete artifact of this key, verified; None where there is none, DamagedArtifact where a file differs.

        Its notes name all drift that the key does not see; a change of threads only where the config is given.
        """
        artifact = self.look_up(step, key, config)
        if artifact is not None:
            verify_daily(artifact.path, self.writes)
        return artifact

    def look_up(self, step: Step, key: str, config: Frozen | None = None) -> Artifact | None:
        """The same by its manifest alone, for those who do not read the artifact, or verify it when they do."""
        manifest = self.manifest(step, key)
        if manifest is None:
            return None
        stats = Stats.model_validate(manifest["stats"])
        notes = tuple(drift(step, manifest, config))
        return Artifact(step.name, key, self.folder(step, key), manifest["sha256"], stats, 0.0, True, notes)

    def skipped(self, step: Step, key: str) -> str | None:
        """Why an earlier run skipped the step for this key; None where none did."""
        path = self.root / step.name / f"{key}.skipped"
        return path.read_text() if path.is_file() else None

    def manifest(self, step: Step, key: str) -> dict[str, Any] | None:
        try:
            return read_manifest(self.folder(step, key))
        except FileNotFoundError:
            return None

    def complete(self, step: Step, config: Frozen, inputs: ArtifactInputs) -> Artifact:
        """The step's artifact: from the store, or computed now and renamed into place once complete."""
        key = self.key(step, config, inputs)
        if stored := self.find(step, key, config):
            return stored
        done = self.folder(step, key)
        with _full_disk_explained(done), _alone(step, done):
            if stored := self.find(step, key, config):
                return stored
            verify_inputs(inputs)
            work = self.work(step, key)
            if work.exists() and not step.resumes:
                shutil.rmtree(work)
            return self._make(step, config, inputs, work, done)

    def recompute(self, step: Step, config: Frozen, inputs: ArtifactInputs) -> Artifact:
        """The step computed anew beside the stored artifact, which is replaced only where the disk has damaged it."""
        key = self.key(step, config, inputs)
        done = self.folder(step, key)
        try:
            stored = self.look_up(step, key, config)
        except DamagedArtifact:
            (done / MANIFEST).unlink()  # with what could be compared gone, the artifact is made as if it were absent
            return replace(self.complete(step, config, inputs), notes=(f"made again: its {MANIFEST} was damaged",))
        if stored is None:
            return self.complete(step, config, inputs)
        with _full_disk_explained(done), _alone(step, done):
            work, fresh = done.with_name(f"{key}.again.partial"), done.with_name(f"{key}.again")
            verify_inputs(inputs)
            for leftover in (work, fresh):
                shutil.rmtree(leftover, ignore_errors=True)
            made = self._make(step, config, inputs, work, fresh)
            broken = damaged_files(done, read_manifest(done))
            if made.sha256 != stored.sha256:
                kept = done.with_name(f"{key}.differs-{made.sha256[:8]}")
                shutil.rmtree(kept, ignore_errors=True)
                fresh.rename(kept)
                note = f"NOT reproduced: other bytes, kept aside in {kept}"
                note += f"; and the stored {broken[0]} is damaged: rm -r '{done}'" if broken else ""
            elif broken:
                done.rename(work)
                fresh.rename(done)
                shutil.rmtree(work)
                note = f"reproduced, and stored anew: {', '.join(broken)} was damaged on the disk"
            else:
                shutil.rmtree(fresh)
                note = "reproduced: the same bytes again"
        return Artifact(step.name, key, done, stored.sha256, stored.stats, made.seconds, False, (note, *stored.notes))

    def _make(self, step: Step, config: Frozen, inputs: ArtifactInputs, work: Path, done: Path) -> Artifact:
        work.mkdir(parents=True, exist_ok=True)
        (work / MANIFEST).unlink(missing_ok=True)
        started = time.monotonic()
        try:
            stats = step(config, _folders(inputs), work)
        except Skipped as skip:
            shutil.rmtree(work)
            write_durably(done.with_name(f"{done.name}.skipped"), skip.reason.encode())
            raise
        seconds = time.monotonic() - started
        described = self._describe(step, config, inputs, work)
        report = {
            "stats": stats.model_dump(mode="json"),
            "seconds": round(seconds, 3),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        manifest = sealed(described | report)
        write_durably(work / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
        _sync_folder(work)
        if done.exists():  # what is left of a removal that was cut short: it has no manifest any more
            shutil.rmtree(done)
        work.rename(done)
        _sync_folder(done.parent)
        return Artifact(step.name, done.name.split(".")[0], done, described["sha256"], stats, seconds, False)

    def _describe(self, step: Step, config: Frozen, inputs: ArtifactInputs, work: Path) -> dict[str, Any]:
        files = {str(path.relative_to(work)): _file_entry(path) for path in sorted(_files(work))}
        return {
            "step": step.name,
            "version": step.version,
            "key": self.key(step, config, inputs),
            "config": keyed(config),
            "inputs": artifact_keys(inputs),
            "input_steps": _steps(inputs),
            "files": files,
            "sha256": content_hash(files),
            "git_commit": self.git_commit,
            **provenance(step, config),
        }


def verify_inputs(inputs: ArtifactInputs) -> None:
    """A step never reads an artifact whose bytes have changed since they were written."""
    for _, artifact in each(inputs):
        verify(artifact.path)


def each(inputs: ArtifactInputs) -> Iterator[tuple[str, Artifact]]:
    """(role, artifact) for every artifact, partitions one after another."""
    for role, value in inputs.items():
        for artifact in [value] if isinstance(value, Artifact) else value.values():
            yield role, artifact


def content_hash(files: Mapping[str, Mapping[str, Any]]) -> str:
    """The hash over names and hashes of an artifact's files, those under `timing/` left out."""
    content = {name: entry["sha256"] for name, entry in files.items() if Path(name).parts[0] != TIMING}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def write_durably(path: Path, data: bytes) -> None:
    """A temporary file, fsync, then one rename: a reader sees the old bytes or the new ones, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _alone(step: Step, done: Path) -> AbstractContextManager[None]:
    return exclusive(lock_of(done), f"  {step.name}: waiting for another run that computes it")


def lock_of(folder: Path) -> Path:
    """The lock of an artifact's folder, complete or not: held while a process works on its key."""
    return folder.with_name(f"{folder.name.split('.')[0]}.lock")


@contextmanager
def _full_disk_explained(done: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if (readable := as_user_error(error, done)) is None:
            raise
        raise readable from error


def _file_entry(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def artifact_keys(inputs: ArtifactInputs) -> dict[str, Any]:
    """role → key, or role → {partition: key}: the inputs as a manifest names them."""
    return {r: v.key if isinstance(v, Artifact) else {p: a.key for p, a in v.items()} for r, v in inputs.items()}


def _steps(inputs: ArtifactInputs) -> dict[str, str]:
    return {role: artifact.step for role, artifact in each(inputs)}


def _folders(inputs: ArtifactInputs) -> Inputs:
    folders = {r: v.path if isinstance(v, Artifact) else {p: a.path for p, a in v.items()} for r, v in inputs.items()}
    return Inputs(folders)
