"""One version of a registered model, and how its files are verified to be what was registered."""

import json
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import UserError
from tasks.store.hashing import file_sha256

FILES = "files.json"  # in a registered model: name → sha256 of every other file in it
FILES_TAG = "files_sha256"  # on the version, in the registry: the hash of files.json itself


@dataclass(frozen=True)
class Version:
    """One version of a registered model; `folder` holds the MLflow model, or will once it is fetched."""

    name: str
    version: int
    aliases: tuple[str, ...]
    tags: dict[str, str]
    folder: Path
    created: int = 0  # seconds since 1970; 0: not known

    @property
    def full_name(self) -> str:
        """NAME/VERSION."""
        return f"{self.name}/{self.version}"

    @property
    def weights(self) -> Path:
        return self.folder / "artifacts" / "weights"

    @property
    def evidence(self) -> Path:
        return self.folder / "artifacts" / "evidence"


def list_files(folder: Path) -> str:
    """Writes files.json into a model that is about to be registered; its hash."""
    files = {str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    (folder / FILES).write_text(json.dumps(files, indent=1))
    return file_sha256(folder / FILES)


def check_files(version: Version, folder: Path, cure: str) -> None:
    """UserError that names the first file in the folder that is not what was registered as this version."""
    listing = folder / FILES
    if not listing.is_file() or file_sha256(listing) != version.tags.get(FILES_TAG):
        raise UserError(f"{listing}: not what was registered as {version.name}/{version.version}", cure)
    for name, sha256 in json.loads(listing.read_text()).items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            raise UserError(f"{path}: not what was registered as {version.name}/{version.version}", cure)
