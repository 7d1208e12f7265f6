"""Records of runs, those of other versions too."""

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands.ask.look import look
from flows.load import curation_of
from flows.record import FORMAT, RunRecord, StepRecord, latest, read
from flows.report import write_report
from tasks.errors import UserError
from tasks.home import Home

STEP = {"step": "ingest", "key": None, "state": "complete", "reason": "", "seconds": 1.0, "sha256": None, "path": None}
OLD: dict[str, Any] = {  # written before records had a format number
    "run": "20250101-000000-abcd",
    "recipe": "mine",
    "state": "complete",
    "started": "2025-01-01T00:00:00",
    "seconds": 3.0,
    "error": "",
    "settings": {"curate": {"filters": ["gopher_quality"], "a_setting_of_then": 3}},
    "partitions": ["0001"],
    "steps": [STEP | {"mlflow_run_id": None, "parts": [], "metrics": {}, "notes": []}],
    "models": [],
    "links": {},
    "a_field_of_then": True,
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.records.mkdir(parents=True)
    (home.records / f"{OLD['run']}.json").write_text(json.dumps(OLD))
    return home


def test_an_old_record_is_read_as_far_as_it_is_known(home: Home):
    record = latest(home)
    assert record and (record.format, record.recipe, record.steps[0].step) == (1, "mine", "ingest")


@pytest.mark.parametrize("reader", [write_report, lambda home: curation_of(latest(home))])
def test_settings_of_another_version_are_an_error_with_a_fix(home: Home, reader):
    with pytest.raises(UserError, match=r"an earlier version of triptych[\s\S]*`triptych run mine` makes it again"):
        reader(home)


def test_a_run_without_decisions_says_how_to_get_them(home: Home):
    with pytest.raises(UserError, match="triptych run mine"):
        look(home, "kept", 1, 0)


def test_the_format_is_in_the_file_and_not_in_what_commands_print(tmp_path: Path):
    record = RunRecord("20260101-000000-abcd", "mine", "complete", "2026-01-01T00:00:00")
    record.write(Home(tmp_path))
    path = Home(tmp_path).records / f"{record.run}.json"
    assert json.loads(path.read_text())["format"] == FORMAT == read(path).format
    assert "format" not in record.as_json()


@pytest.mark.parametrize("length", [20, 5000])
def test_a_full_disk_leaves_no_record_that_says_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int):
    def write_durably(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    steps = [StepRecord(**STEP | {"step": name}) for name in ("ingest", "curate")]
    running = replace(steps[1], state="running")
    settings = {"curate": {f"setting {number}": number for number in range(50)}}
    record = RunRecord("20260101-000000-abcd", "mine", "running", "2026-01-01T00:00:00", settings=settings)
    record = replace(record, steps=(steps[0], running))
    record.write(Home(tmp_path))
    path = Home(tmp_path).records / f"{record.run}.json"
    size = path.stat().st_size
    monkeypatch.setattr("flows.record.write_durably", write_durably)
    with pytest.raises(UserError, match="free some space"):
        replace(record, seconds=2.0).write(Home(tmp_path))  # a run that goes on reports it
    failed = replace(steps[1], state="failed")
    replace(record, state="failed", error="x" * length, steps=(steps[0], failed)).write(Home(tmp_path))
    written = read(path)
    assert (written.state, written.error) == ("failed", "x" * min(length, 200))
    assert [step.state for step in written.steps] == ["complete", "failed"]
    assert path.stat().st_size == size


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run": "r"}', "\x00" * 40])
def test_a_damaged_record_is_an_error_that_names_its_file(tmp_path: Path, content: str):
    path = Home(tmp_path).records / "20260101-000000-abcd.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(UserError, match="not the record of a run") as error:
        latest(Home(tmp_path))
    assert str(path) in error.value.cure
