"""The registry of a home's own MLflow, read from its tables: MLflow's client takes 3 s to import."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.home import Home
from tasks.tracking.connection import ARTIFACTS, cure_for
from tasks.tracking.model_version import Version, check_files
from tasks.tracking.server import MlflowUnavailable

WAIT_SECONDS = 5.0  # for a lock that another program holds on the database


@dataclass(frozen=True)
class RegistryTables:
    """What the home's database has registered."""

    home: Home

    def versions(self, name: str | None) -> list[Version]:
        """All versions (of one model), by name and number."""
        rows = self._read(
            "SELECT name, version, storage_location, source, current_stage, creation_time FROM model_versions"
        )
        tags: dict[tuple[str, int], dict[str, str]] = {}
        for model, version, key, value in self._read("SELECT name, version, key, value FROM model_version_tags"):
            tags.setdefault((model, version), {})[key] = value
        aliases: dict[tuple[str, int], list[str]] = {}
        for model, version, alias in self._read("SELECT name, version, alias FROM registered_model_aliases"):
            aliases.setdefault((model, version), []).append(alias)
        return [
            Version(
                model,
                version,
                tuple(sorted(aliases.get((model, version), []))),
                tags.get((model, version), {}),
                self._folder(location or source),
                (created or 0) // 1000,
            )
            for model, version, location, source, stage, created in sorted(rows, key=lambda row: row[:2])
            if name in (None, model) and stage != "Deleted_Internal"
        ]

    def aliases(self) -> dict[str, dict[str, int]]:
        """Every registered model's aliases."""
        by_model: dict[str, dict[str, int]] = {}
        for name, alias, version in self._read("SELECT name, alias, version FROM registered_model_aliases"):
            by_model.setdefault(name, {})[alias] = version
        return by_model

    def verify(self, version: Version) -> None:
        """Raises UserError, which names the first file that is not what was registered."""
        cure = f"restore the file from a backup, or roll back: triptych rollback {version.name}"
        check_files(version, version.folder, cure)

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        database = self.home.mlflow_database
        if not database.exists():
            return []
        try:
            with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.Error as error:
            if "no such table" in str(error):  # MLflow is making them at this moment
                return []
            raise MlflowUnavailable(f"{database}: {error}", cure_for(self.home, str(error))) from error

    def _folder(self, location: str) -> Path:
        """Where a model's files lie, in a home that was moved as well."""
        folder = Path(location.removeprefix("file://"))
        if not folder.is_dir() and f"/{ARTIFACTS}/" in location:
            return self.home.mlflow_artifacts / location.split(f"/{ARTIFACTS}/", 1)[1]
        return folder
