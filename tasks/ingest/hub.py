"""Datasets of a Hugging Face hub: downloaded into the home when a recipe names one, and a plain folder from then on.

A download is kept and never repeated, so a run needs the network once; a document's identity is the content of its
file, as with any folder.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.sources import FolderSource, HubSource, IngestConfig
from tasks.progress import say

COMPLETE = "fetched"  # a file that marks a folder as downloaded in full


def fetch_datasets(config: IngestConfig, home: Home) -> IngestConfig:
    """The config with a folder in place of each hub source, whose dataset is downloaded where it is not there yet."""
    return _with_folders(config, home, _fetch)


def require_datasets(config: IngestConfig, home: Home) -> IngestConfig:
    """The config with a folder in place of each hub source; UserError where a dataset is not downloaded yet."""
    return _with_folders(config, home, _refuse)


def _with_folders(config: IngestConfig, home: Home, on_missing: Callable[[HubSource, Path], None]) -> IngestConfig:
    if config.path is not None:
        return config
    sources = dict[str, Any](config.sources)
    for name, source in config.sources.items():
        if isinstance(source, HubSource):
            folder = home.hub / f"{source.dataset.replace('/', '--')}@{source.revision}"
            if not (folder / COMPLETE).exists():
                on_missing(source, folder)
            reading = source.model_dump(exclude={"kind", "dataset", "revision"})
            sources[name] = FolderSource(path=folder / "files", **reading)
    return config.model_copy(update={"sources": sources})


def _refuse(source: HubSource, _: Path) -> None:
    raise UserError(
        f"the dataset {source.dataset} is not downloaded yet", "run without --explain: it is downloaded once"
    )


def _fetch(source: HubSource, folder: Path) -> None:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    say(f"downloading the dataset {source.dataset}, once")
    try:
        snapshot_download(
            source.dataset,
            repo_type="dataset",
            revision=source.revision,
            local_dir=folder / "files",
            allow_patterns=list(source.include) or None,
            ignore_patterns=list(source.exclude) or None,
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        cure = "check its name and your network, or give a folder of your own: --set ingest.path=FOLDER"
        raise UserError(f"{source.dataset}@{source.revision} cannot be downloaded: {error}", cure) from error
    (folder / COMPLETE).touch()
