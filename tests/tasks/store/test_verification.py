"""An artifact's files are compared with their hashes when someone asks for it, at most once a day."""

import json
import os
import time
from pathlib import Path

import pytest

from tasks.store import verification
from tasks.store.artifacts import Artifact, Store
from tasks.store.step import Frozen, Inputs, Stats, Step
from tasks.store.verification import MANIFEST, DamagedArtifact, verify, verify_daily


class Config(Frozen):
    text: str = "hello"


def write(config: Config, inputs: Inputs, out: Path) -> Stats:
    (out / "text.txt").write_text(config.text)
    (out / "timing").mkdir()
    (out / "timing" / "speed.json").write_text(str(time.monotonic_ns()))
    return Stats(metrics={"characters": len(config.text)})


STEP = Step("write", 1, Config, write)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def made(store: Store) -> Artifact:
    return store.complete(STEP, Config(), {})


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are hashed from now on; each has settled."""
    paths = list[Path]()
    monkeypatch.setattr(verification, "SECONDS_UNSETTLED", -60.0)
    monkeypatch.setattr(
        verification, "file_sha256", lambda p, real=verification.file_sha256: paths.append(p) or real(p)
    )
    return paths


def flip(path: Path, keep_times: bool = False) -> None:
    """Changes the middle byte."""
    before, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", ["text.txt", "timing/speed.json", MANIFEST])
@pytest.mark.parametrize("keep_times", [True, False])
def test_a_hit_with_a_flipped_byte_is_refused_with_a_fix(store, made, name, keep_times):
    verify_daily(made.path)
    flip(made.path / name, keep_times)
    with pytest.raises(DamagedArtifact, match=name) as error:
        store.complete(STEP, Config(), {})
    assert error.value.cure == f"rm -r '{made.path}' and run again"


def test_a_file_is_hashed_once_a_day_and_at_once_when_it_is_another(made, hashed, monkeypatch):
    verify_daily(made.path)
    verify_daily(made.path)
    assert len(hashed) == 2  # its two files
    tomorrow = time.time() + verification.SECONDS_BELIEVED + 1
    monkeypatch.setattr(verification.time, "time", lambda: tomorrow)
    verify_daily(made.path)
    assert len(hashed) == 4


def test_a_clock_that_was_set_back_makes_nothing_verified(made, hashed, monkeypatch):
    verify_daily(made.path)
    an_hour_ago = time.time() - 3600
    monkeypatch.setattr(verification.time, "time", lambda: an_hour_ago)
    verify_daily(made.path)
    assert len(hashed) == 4


def test_a_file_that_has_just_changed_is_not_remembered_as_verified(made):
    verify_daily(made.path)
    assert not made.path.with_name(f"{made.key}.verified").exists()


def test_what_reads_an_artifact_as_its_input_hashes_all_of_it(made, hashed):
    verify_daily(made.path)
    verify(made.path)
    assert len(hashed) == 4


def test_nothing_is_written_where_nothing_may_be(made, store, hashed):
    before = sorted(store.root.rglob("*"))
    assert Store(store.root, writes=False).find(STEP, made.key)
    assert sorted(store.root.rglob("*")) == before and len(hashed) == 2


@pytest.mark.parametrize("name", ["text.txt", "timing/speed.json"])
def test_computing_again_replaces_what_the_disk_has_damaged_and_says_so(store, made, name):
    flip(made.path / name)
    again = store.recompute(STEP, Config(), {})
    assert again.notes[0] == f"reproduced, and stored anew: {name} was damaged on the disk"
    verify(made.path)
    assert store.recompute(STEP, Config(), {}).notes[0] == "reproduced: the same bytes again"
    assert sorted(path.suffix for path in made.path.parent.iterdir()) == ["", ".lock"]


def test_computing_again_replaces_an_artifact_whose_manifest_is_damaged(store, made):
    flip(made.path / MANIFEST)
    assert store.recompute(STEP, Config(), {}).notes[0] == f"made again: its {MANIFEST} was damaged"
    verify(made.path)


def test_other_bytes_beside_a_damaged_artifact_are_kept_aside_and_both_are_reported(store, made):
    flip(made.path / "text.txt")

    def other(config: Config, inputs: Inputs, out: Path) -> Stats:
        (out / "text.txt").write_text("other")
        return Stats()

    (note, *_) = store.recompute(Step("write", 1, Config, other), Config(), {}).notes
    assert note.startswith("NOT reproduced") and f"text.txt is damaged: rm -r '{made.path}'" in note


def test_a_manifest_of_an_earlier_version_has_no_seal_and_is_read(made):
    manifest = json.loads((made.path / MANIFEST).read_text())
    del manifest["seal"]
    (made.path / MANIFEST).write_text(json.dumps(manifest))
    verify(made.path)
