"""A dataset of a hub is read at one commit for good; a stand-in for the hub's client, as no hub can be reached here."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from pydantic import ValidationError

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.hub import commits, fetch_datasets, require_datasets
from tasks.ingest.sources import FolderSource, IngestConfig

OLD, NEW = "a" * 40, "b" * 40


def config(revision: str = "main", **reading: Any) -> IngestConfig:
    source = {"kind": "hub", "dataset": "someone/letters", "revision": revision, **reading}
    return IngestConfig.model_validate({"sources": {"letters": source}})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`hub.head` is the commit of main; `hub.downloads` lists the commits that were downloaded."""
    hub = SimpleNamespace(head=OLD, downloads=[])

    def snapshot_download(dataset: str, *, revision: str, local_dir: Path, **_: Any) -> str:
        hub.downloads.append(revision)
        local_dir.mkdir(parents=True, exist_ok=True)
        (local_dir / "a.txt").write_text(revision)
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_, **__: SimpleNamespace(sha=hub.head))
    return hub


def text_of(config: IngestConfig) -> str:
    source = config.sources["letters"]
    assert isinstance(source, FolderSource)
    return (source.path / "a.txt").read_text()


def test_a_branch_stays_the_commit_that_it_named_first(hub, tmp_path, capsys):
    home = Home(tmp_path)
    assert text_of(fetch_datasets(config(), home)) == OLD
    assert OLD in capsys.readouterr().err
    hub.head = NEW
    assert text_of(fetch_datasets(config(), home)) == OLD == text_of(require_datasets(config(), home))
    assert hub.downloads == [OLD] and commits(config(), home) == {"dataset letters": f"someone/letters@{OLD}"}
    assert text_of(fetch_datasets(config(NEW), home)) == NEW


def test_a_download_of_other_files_is_another_download(hub, tmp_path):
    for include in (["*.txt"], ["*.txt"], ["*.txt", "*.md"]):
        fetch_datasets(config(include=include), Home(tmp_path))
    assert hub.downloads == [OLD, OLD]


def test_what_is_not_downloaded_is_not_read_by_explain(tmp_path):
    with pytest.raises(UserError, match="not downloaded yet"):
        require_datasets(config(), Home(tmp_path))


def test_a_hub_that_names_no_commit_is_refused(hub, tmp_path):
    hub.head = None
    with pytest.raises(UserError, match="names no commit"):
        fetch_datasets(config(), Home(tmp_path))


@pytest.mark.parametrize("revision", ["x/../../../../out", "..", "/etc", "", "a//b", "-x"])
def test_a_revision_that_leads_out_of_the_home_is_refused(revision):
    with pytest.raises(ValidationError):
        config(revision)


@pytest.mark.parametrize("dataset", ["../x", "a/../b", "a/b/c", "/a", ""])
def test_a_dataset_that_leads_out_of_the_home_is_refused(dataset):
    with pytest.raises(ValidationError):
        config(dataset=dataset)


@pytest.mark.parametrize("revision", ["main", "refs/convert/parquet", "v1.0", OLD])
def test_branches_tags_and_commits_are_revisions(revision):
    assert config(revision).sources
