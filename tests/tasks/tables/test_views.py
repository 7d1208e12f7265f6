"""The tables of a run whose home was moved after it: every path is the one at which the artifact lies now."""

import json

import pyarrow as pa
import pytest

from flows.record import RunRecord, StepRecord, latest
from tasks.errors import UserError
from tasks.home import Home
from tasks.store.verification import MANIFEST
from tasks.tables.views import RunTables

INGESTED, SIGNALS = "a" * 24, "b" * 24
FUNNEL = {"read": 3, "kept": 2, "dropped": {}, "quarantined": 1}


@pytest.fixture
def moved_home(tmp_path) -> Home:
    """A home with a record of two steps, renamed after the run."""
    home = Home(tmp_path / "home")
    steps = []
    for step, key, inputs in (("ingest", INGESTED, {}), ("signals", SIGNALS, {"documents": INGESTED, "earlier": {}})):
        folder = home.store / step / key
        folder.mkdir(parents=True)
        manifest = {"key": key, "step": step, "inputs": inputs, "stats": {"funnel": FUNNEL}}
        (folder / MANIFEST).write_text(json.dumps(manifest))
        part = {"step": f"{step}@0001", "key": key, "path": str(folder), "state": "complete", "seconds": 1.0}
        steps.append(StepRecord(step, None, "complete", "", 1.0, None, str(folder), parts=(part,)))
    RunRecord("r1", "demo", "complete", "2026-01-01T00:00:00", steps=tuple(steps)).write(home)
    return Home(home.path.rename(tmp_path / "other name" / "store" / "home"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path) -> None:
    (tmp_path / "other name" / "store").mkdir(parents=True)


def steps_of(home: Home, record: RunRecord) -> list[dict]:
    tables = RunTables(home, record.as_json(), lambda: [], lambda: pa.table({}))
    return tables.raw()["steps"]().to_pylist()


def test_a_moved_home_still_resolves_the_parents_of_each_artifact(moved_home):
    record = latest(moved_home)
    assert record
    rows = steps_of(moved_home, record)
    assert [row["parents"] for row in rows] == [[], [INGESTED]]
    assert rows[1]["path"] == str(moved_home.store / "signals" / SIGNALS)
    assert [step.path for step in record.steps] == [str(moved_home.store / "ingest" / INGESTED), rows[1]["path"]]


def test_the_parents_of_a_missing_artifact_are_unknown_and_not_an_empty_list(moved_home):
    record = latest(moved_home)
    assert record
    (moved_home.store / "signals" / SIGNALS / MANIFEST).unlink()
    assert [row["parents"] for row in steps_of(moved_home, record)] == [[], None]
    tables = RunTables(moved_home, record.as_json(), lambda: [], lambda: pa.table({}))
    with pytest.raises(UserError, match="this artifact of the run is gone"):
        tables.partitions("signals")
