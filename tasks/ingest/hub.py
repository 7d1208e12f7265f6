"""Datasets of a Hugging Face hub: fetched into the home when a recipe names one, and a plain folder from then on.

What was fetched is kept and never asked for again, so a run needs the network once; a document's identity is the
content of its file, as with any folder.
"""

from pathlib import Path

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.sources import FolderSource, HubSource, IngestConfig
from tasks.progress import say

FETCHED = "fetched"  # a file that says all of a repository is there


def fetched(config: IngestConfig, home: Home, write: bool = True) -> IngestConfig:
    """The config with each hub source replaced by the folder it was fetched into."""
    if config.path is not None:
        return config
    sources = {
        name: _as_folder(source, home, write) if isinstance(source, HubSource) else source
        for name, source in config.sources.items()
    }
    return config.model_copy(update={"sources": sources})


def _as_folder(source: HubSource, home: Home, write: bool) -> FolderSource:
    folder = home.hub / f"{source.dataset.replace('/', '--')}@{source.revision}"
    if not (folder / FETCHED).exists():
        if not write:
            raise UserError(
                f"the dataset {source.dataset} is not here yet", "run without --explain: it fetches it once"
            )
        _fetch(source, folder)
    reading = source.model_dump(exclude={"kind", "dataset", "revision"})
    return FolderSource(path=folder / "files", **reading)


def _fetch(source: HubSource, folder: Path) -> None:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    say(f"fetching the dataset {source.dataset}, once")
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
        cure = "see its name and your network, or give a folder of your own: --set ingest.path=FOLDER"
        raise UserError(f"{source.dataset}@{source.revision} cannot be fetched: {error}", cure) from error
    (folder / FETCHED).touch()
