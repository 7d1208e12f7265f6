"""A step's artifact in MLflow: small readable files are copied, once; all others are named by address and hash."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.store.verification import MANIFEST, read_manifest

if TYPE_CHECKING:
    from mlflow import MlflowClient

COPIED = {".json", ".jsonl", ".png", ".svg", ".md", ".csv", ".txt", ".html"}
COPIED_BYTES, COPIED_FILES = 1 << 20, 60  # larger files, and more of them, go by reference


def name_artifacts(client: "MlflowClient", run_id: str, folder: Path, below: str, copied: bool) -> None:
    """All files as rows of references.json; where `copied`, small readable ones as they are instead."""
    room, references = COPIED_FILES if copied else 0, {}
    for name, entry in _files(folder):
        path, size = folder / name, entry["bytes"]
        place = str(Path(below, name).parent)
        if room and path.suffix in COPIED and size <= COPIED_BYTES and path.is_file():
            client.log_artifact(run_id, str(path), None if place == "." else place)
            room -= 1
        else:
            references[name] = {"uri": file_uri(path), **entry}
    client.log_dict(run_id, references, str(Path(below, "references.json")))


def _files(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The artifact's files by its manifest, shallow ones first; none where the artifact is no longer there."""
    try:
        manifest = read_manifest(folder)
    except (OSError, UserError):
        return
    yield MANIFEST, {"bytes": (folder / MANIFEST).stat().st_size}
    yield from sorted(manifest["files"].items(), key=lambda item: (item[0].count("/"), item[0]))


def file_uri(path: str | Path) -> str:
    return Path(path).absolute().as_uri()
