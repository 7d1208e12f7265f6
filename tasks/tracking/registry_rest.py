"""The registry of an MLflow server elsewhere, read by its REST API; the files of its models are fetched once each.

HOME/models/<hash of files.json>/   the MLflow model of one version, as it was registered
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.progress import say
from tasks.store.locks import exclusive
from tasks.store.scratch import scratch_folder
from tasks.tracking.connection import open_client
from tasks.tracking.model_version import FILES_TAG, Version, check_files
from tasks.tracking.server import MlflowServer, MlflowUnavailable

SHA256 = re.compile("[0-9a-f]{64}")  # what is no hash must not become a path


@dataclass(frozen=True)
class RegistryRest:
    """What the server has registered."""

    home: Home
    server: MlflowServer

    def versions(self, name: str | None) -> list[Version]:
        """All versions (of one model), by name and number."""
        if name is not None and "'" in name:  # no name of a model, and no filter either
            return []
        of_name = {"filter": f"name = '{name}'"} if name is not None else {}
        aliases: dict[tuple[str, int], list[str]] = {}
        for model, by_alias in self._aliases(of_name).items():
            for alias, version in by_alias.items():
                aliases.setdefault((model, version), []).append(alias)
        rows = self.server.pages("model-versions/search", "model_versions", **of_name)
        return sorted((self._version(row, aliases) for row in rows), key=lambda v: (v.name, v.version))

    def aliases(self) -> dict[str, dict[str, int]]:
        """Every registered model's aliases."""
        return {name: by_alias for name, by_alias in self._aliases({}).items() if by_alias}

    def verify(self, version: Version) -> None:
        """Fetches the files where the home has none; UserError that names the first that is not what was registered."""
        if not SHA256.fullmatch(version.tags.get(FILES_TAG, "")):
            raise UserError(
                f"{version.name}/{version.version}: {self.server} does not say which files it was registered with",
                "choose a version that triptych registered",
            )
        if version.folder.is_dir():
            check_files(version, version.folder, f"remove {version.folder}: its files are then fetched again")
            return
        with exclusive(self.home.models / ".lock", "waiting: another process is fetching a model"):
            if not version.folder.is_dir():  # another process may have fetched it meanwhile
                self._fetch(version)

    def _aliases(self, of_name: dict[str, str]) -> dict[str, dict[str, int]]:
        rows = self.server.pages("registered-models/search", "registered_models", **of_name)
        return {row["name"]: {a["alias"]: int(a["version"]) for a in row.get("aliases", ())} for row in rows}

    def _version(self, row: dict[str, Any], aliases: dict[tuple[str, int], list[str]]) -> Version:
        name, version = row["name"], int(row["version"])
        tags = {tag["key"]: tag.get("value", "") for tag in row.get("tags", ())}
        folder = self.home.models / tags.get(FILES_TAG, "")
        created = int(row.get("creation_timestamp", 0)) // 1000
        return Version(name, version, tuple(sorted(aliases.get((name, version), []))), tags, folder, created)

    def _fetch(self, version: Version) -> None:
        """Downloads the files beside their place, and renames them once they are whole and what was registered."""
        say(f"fetching {version.name}/{version.version} from {self.server}")
        with scratch_folder(self.home, "fetch") as temporary:
            folder = self._download(version, temporary)
            check_files(version, folder, f"{self.server} has other files than were registered: choose another version")
            folder.rename(version.folder)

    def _download(self, version: Version, to: Path) -> Path:
        of_version = {"name": version.name, "version": str(version.version)}
        uri = self.server.get("model-versions/get-download-uri", **of_version)["artifact_uri"]
        open_client(self.server.url)
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        try:
            return Path(download_artifacts(artifact_uri=uri, dst_path=str(to / "model"), tracking_uri=self.server.url))
        except (MlflowException, OSError) as error:
            raise MlflowUnavailable(
                f"the files of {version.name}/{version.version} cannot be fetched from {uri}: {error}",
                f"see the log of {self.server}: it must hand out artifacts (`mlflow server --serve-artifacts`, its "
                "default), or this machine reach its storage",
            ) from error
