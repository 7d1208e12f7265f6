"""Datasets of a Hugging Face hub: downloaded into the home when a recipe names one, and a plain folder from then on.

A download is kept and never repeated, so a run needs the network once; a document's identity is the content of its
file, as with any folder. A branch moves on: the commit that it named at its first download is recorded, and stays the
one that this home reads.

    HOME/hub/OWNER--NAME@COMMIT/files/…    fetched: what of it was downloaded
    HOME/hub/pins.json                     {"OWNER/NAME@REVISION": COMMIT}
"""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.hub_access import Pins, hub_failures
from tasks.ingest.sources import FolderSource, HubSource, IngestConfig
from tasks.progress import say
from tasks.store.artifacts import write_durably

FETCHED = "fetched.json"
Download = Callable[[HubSource, Path, str], None]  # (source, folder, commit)


def fetch_datasets(config: IngestConfig, home: Home) -> IngestConfig:
    """The config with a folder in place of each hub source, whose dataset is downloaded where it is not there yet."""
    for source in hub_sources(config).values():
        if not known_commit(source, home):
            _pin(source, home)
    return _with_folders(config, home, _fetch)


def _pin(source: HubSource, home: Home) -> None:
    """Records the commit that the source's branch names now, unless another run has done so meanwhile."""
    commit, is_new = Pins(home.hub).pin(source.dataset, source.revision, lambda: _resolve(source))
    if is_new:
        cure = f"its recipe can say so for other homes: revision = {commit!r}"
        say(f"  {_title(source)} is the commit {commit} from now on in this home; {cure}")


def require_datasets(config: IngestConfig, home: Home) -> IngestConfig:
    """The config with a folder in place of each hub source; UserError where a dataset is not downloaded yet."""
    return _with_folders(config, home, _refuse)


def hub_sources(config: IngestConfig) -> dict[str, HubSource]:
    """The sources that are read from a hub, by name."""
    if config.path is not None:
        return {}
    return {name: source for name, source in config.sources.items() if isinstance(source, HubSource)}


def commits(config: IngestConfig, home: Home) -> dict[str, str]:
    """{"dataset NAME": "OWNER/NAME@COMMIT"} of every hub source: for the record of a run."""
    return {
        f"dataset {name}": f"{source.dataset}@{known_commit(source, home)}"
        for name, source in hub_sources(config).items()
    }


def known_commit(source: HubSource, home: Home) -> str | None:
    """The commit that a source means in this home; None where that is not known yet."""
    return Pins(home.hub).commit(source.dataset, source.revision)


def _with_folders(config: IngestConfig, home: Home, on_missing: Download) -> IngestConfig:
    sources = dict[str, Any](config.sources)
    for name, source in hub_sources(config).items():
        commit = known_commit(source, home) or ""
        folder = home.hub / f"{source.dataset.replace('/', '--')}@{commit}"
        if _fetched(folder) != _chosen(source):
            on_missing(source, folder, commit)
        reading = source.model_dump(exclude={"kind", "dataset", "revision"})
        sources[name] = FolderSource(path=folder / "files", **reading)
    return config.model_copy(update={"sources": sources})


def _refuse(source: HubSource, folder: Path, commit: str) -> None:
    raise UserError(
        f"the dataset {source.dataset} is not downloaded yet", "run without --explain: it is downloaded once"
    )


def _fetch(source: HubSource, folder: Path, commit: str) -> None:
    from huggingface_hub import snapshot_download

    say(f"downloading the dataset {source.dataset}, once")
    with _failures(source):
        snapshot_download(
            source.dataset,
            repo_type="dataset",
            revision=commit,
            local_dir=folder / "files",
            allow_patterns=list(source.include) or None,
            ignore_patterns=list(source.exclude) or None,
        )
    write_durably(folder / FETCHED, json.dumps(_chosen(source)).encode())


def _resolve(source: HubSource) -> str | None:
    """The commit that the revision names now."""
    from huggingface_hub import HfApi

    with _failures(source):
        return HfApi().dataset_info(source.dataset, revision=source.revision).sha


def _failures(source: HubSource) -> AbstractContextManager[None]:
    return hub_failures(f"the dataset {_title(source)}", "give a folder of your own: --set ingest.path=FOLDER")


def _title(source: HubSource) -> str:
    return f"{source.dataset}@{source.revision}"


def _chosen(source: HubSource) -> dict[str, list[str]]:
    """Which files of a dataset a source downloads."""
    return {"include": list(source.include), "exclude": list(source.exclude)}


def _fetched(folder: Path) -> Mapping[str, Any] | None:
    try:
        return json.loads((folder / FETCHED).read_bytes())
    except (FileNotFoundError, ValueError):  # what is half written is downloaded again
        return None
