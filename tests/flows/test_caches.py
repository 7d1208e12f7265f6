"""gc and what can be fetched or made again: a hub's copies, converted models, files for llama.cpp, cut-off work."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.caches import spare_copies
from flows.record import RunRecord
from flows.retention import collect, usage
from tasks.home import Home
from tasks.models.provenance import HUB_HOLDER, Provenance
from tasks.store.locks import Hold
from tasks.tracking.model_version import Version

COMMITS = {name: letter * 40 for name, letter in zip(("named", "idle", "cut"), "abc", strict=True)}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A hub's copies that a run began from, that nothing needs and that is not whole; three more rooms."""
    home = Home(tmp_path)
    for name, commit in COMMITS.items():
        folder = home.hub_models / f"someone--{name}@{commit}"
        (folder / "files").mkdir(parents=True)
        (folder / "files" / "model.safetensors").write_bytes(b"x" * 1000)
        if name != "cut":
            (folder / "fetched.json").write_text(json.dumps({"model": f"someone/{name}", "commit": commit}))
    links = {"model pretrain.init_from": f"someone/named@{COMMITS['named']}"}
    RunRecord("r", "demo", "complete", "", links=links).write(home)
    for path in (home.converted / "0123" / "theirs" / "config.json", home.gguf / "4567-q8_0.gguf"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
    (home.scratch / "import-0").mkdir(parents=True)
    return home


def names(report: dict) -> set[str]:
    return {f"{row['step']}/{row['folder']}" for row in report["folders"]}


def test_copies_that_no_run_needs_are_shown_with_how_they_come_back_and_go_with_yes(home: Home):
    shown = collect(home)
    idle = f"hub/someone--idle@{COMMITS['idle']}"
    assert names(shown) == {idle, "converted/0123", "gguf/4567-q8_0.gguf", "scratch/import-0"}
    row = next(row for row in shown["folders"] if row["step"] == "hub")
    assert (row["what"], row["comes_back"]) == ("copy of someone/idle of a hub", "downloaded again when hub: names it")
    assert shown["bytes"] >= 3000 and shown["partial_bytes"] == 1000 == usage(home)["partials"]
    assert usage(home)["rooms"]["converted"] == {"bytes": 1000, "can_go": 1000}
    assert collect(home, yes=True)["folders"] == shown["folders"]
    left = {path.name.partition("@")[0] for path in home.hub_models.iterdir()}
    assert left == {"someone--named", "someone--cut"} and not names(collect(home))
    rooms = (*home.converted.iterdir(), *home.gguf.glob("*.gguf"), *home.scratch.iterdir())
    assert [path for path in rooms if path.name != ".lock"] == []
    assert names(collect(home, partials=True, yes=True)) == {f"hub/someone--cut@{COMMITS['cut']}"}
    assert names(collect(home, keep=0, yes=True)) == {f"hub/someone--named@{COMMITS['named']}"}


def test_what_a_process_uses_stays_until_it_ends(home: Home):
    used = [home.hub_models / f"someone--idle@{COMMITS['idle']}", home.converted / "0123", home.gguf / "4567-q8_0.gguf"]
    holds = [Hold(path) for path in used]
    assert names(collect(home, yes=True)) == {"scratch/import-0"}
    assert all(path.exists() for path in used)
    for hold in holds:
        hold.release()
    assert len(collect(home, yes=True)["folders"]) == 3 and not any(path.exists() for path in used)


@pytest.mark.parametrize("tags, is_needed", [({"key": "0"}, True), ({"imported_from": "someone/idle"}, False)])
def test_a_copy_is_needed_by_a_version_trained_from_it_and_not_by_one_that_is_it(
    home: Home, tags: dict, is_needed: bool
):
    version = Version("mine", 1, (), tags, home / "version")
    version.weights.mkdir(parents=True)
    base = Provenance(name="someone/idle", holder=f"{HUB_HOLDER}{COMMITS['idle']}", sha256="0", licence=None)
    (version.weights / "began_from.json").write_text(base.model_dump_json())
    spare = {copy.path.name.partition("@")[0] for copy in spare_copies(home, [version], []) if copy.room == "hub"}
    assert ("someone--idle" not in spare) == is_needed
