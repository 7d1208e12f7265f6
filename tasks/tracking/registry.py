"""What is registered, read from MLflow's own tables without importing MLflow (3 s): versions, aliases, weights.

NAME@ALIAS · NAME/VERSION · a path   →   a folder of weights, every file of a registered one verified
"""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.store.hashing import file_sha256
from tasks.tracking.connection import ARTIFACTS

FILES = "files.json"  # in a registered model: name → sha256 of every other file in it
FILES_TAG = "files_sha256"  # on the version, in the database: the hash of files.json itself
WAIT_SECONDS = 5.0  # for a lock that another program holds on the database


@dataclass(frozen=True)
class Version:
    """One version of a registered model; `folder` holds the MLflow model."""

    name: str
    version: int
    aliases: tuple[str, ...]
    tags: dict[str, str]
    folder: Path

    @property
    def weights(self) -> Path:
        return self.folder / "artifacts" / "weights"

    @property
    def evidence(self) -> Path:
        return self.folder / "artifacts" / "evidence"


def models(home: Home) -> list[dict[str, Any]]:
    """One row a version; `parent` is the version it was tuned from, `weights_key` the training that made it."""
    return [
        {
            "name": v.name,
            "version": v.version,
            "aliases": list(v.aliases),
            "parent": v.tags.get("parent"),
            "key": v.tags.get("key"),
            "weights_key": v.tags.get("weights_key"),
            "verdict": v.tags.get("verdict"),
        }
        for v in versions(home)
    ]


def versions(home: Home, name: str | None = None) -> list[Version]:
    """All versions (of one model), by name and number."""
    rows = _read(home, "SELECT name, version, storage_location, source, current_stage FROM model_versions")
    tags: dict[tuple[str, int], dict[str, str]] = {}
    for model, version, key, value in _read(home, "SELECT name, version, key, value FROM model_version_tags"):
        tags.setdefault((model, version), {})[key] = value
    aliases: dict[tuple[str, int], list[str]] = {}
    for model, version, alias in _read(home, "SELECT name, version, alias FROM registered_model_aliases"):
        aliases.setdefault((model, version), []).append(alias)
    return [
        Version(
            model,
            version,
            tuple(sorted(aliases.get((model, version), []))),
            tags.get((model, version), {}),
            _folder(home, location or source),
        )
        for model, version, location, source, stage in sorted(rows, key=lambda row: row[:2])
        if name in (None, model) and stage != "Deleted_Internal"
    ]


def aliases(home: Home) -> dict[str, dict[str, int]]:
    """Every registered model's aliases."""
    by_model: dict[str, dict[str, int]] = {}
    for name, alias, version in _read(home, "SELECT name, alias, version FROM registered_model_aliases"):
        by_model.setdefault(name, {})[alias] = version
    return by_model


def resolve(model: str, home: Home) -> Path:
    """The folder of weights that NAME@ALIAS, NAME/VERSION or a path means, verified where it is registered."""
    if any(model in _names(version) for version in versions(home)):
        return verified(find(model, home)).weights
    return weights_in(Path(model)) or find(model, home).weights


def find(model: str, home: Home) -> Version:
    """The version that NAME@ALIAS or NAME/VERSION names; UsageError with the nearest names where there is none."""
    known = versions(home)
    for version in known:
        if model in _names(version):
            return version
    names = [name for version in known for name in _names(version)]
    near = get_close_matches(model, names, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else f"there are: {', '.join(names[:12])}; " if names else ""
    raise UsageError(f"no model {model!r}", f"{hint}MODEL is NAME@ALIAS, NAME/VERSION or a folder of weights")


def weights_in(path: Path) -> Path | None:
    """The folder of weights that a path is, or holds."""
    return next((folder for folder in (path, path / "weights") if (folder / "config.json").is_file()), None)


def verified(version: Version) -> Version:
    """The version once all its files are verified to be what was registered; else a UserError that names the file."""
    cure = f"restore the file from a backup, or roll back: triptych rollback {version.name}"
    listing = version.folder / FILES
    if not listing.is_file() or file_sha256(listing) != version.tags.get(FILES_TAG):
        raise UserError(f"{listing}: not what was registered as {version.name}/{version.version}", cure)
    for name, sha256 in json.loads(listing.read_text()).items():
        path = version.folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            raise UserError(f"{path}: not what was registered as {version.name}/{version.version}", cure)
    return version


def list_files(folder: Path) -> str:
    """Writes files.json into a model that is about to be registered; its hash."""
    files = {str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    (folder / FILES).write_text(json.dumps(files, indent=1))
    return file_sha256(folder / FILES)


def _names(version: Version) -> list[str]:
    return [*(f"{version.name}@{alias}" for alias in version.aliases), f"{version.name}/{version.version}"]


def _read(home: Home, query: str) -> list[tuple[Any, ...]]:
    database = home.mlflow_database
    if not database.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # MLflow is making them at this moment
            return []
        raise UserError(
            f"{database}: {error}", "wait for the program that holds it (MLflow's page?), or end it"
        ) from error


def _folder(home: Home, location: str) -> Path:
    """Where a model's files lie, in a home that was moved as well."""
    folder = Path(location.removeprefix("file://"))
    if not folder.is_dir() and f"/{ARTIFACTS}/" in location:
        return home.mlflow_artifacts / location.split(f"/{ARTIFACTS}/", 1)[1]
    return folder
