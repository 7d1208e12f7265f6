"""gc over random graphs of artifacts, runs and registered versions, in a home whose registry is MLflow's own."""

import fcntl
import json
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.record import RunRecord, StepRecord
from flows.retention import BUSY, collect, make_room, usage
from tasks.errors import UserError
from tasks.home import Home
from tasks.store.contents import read_contents
from tasks.store.garbage import StoreConfig, in_use
from tasks.store.verification import MANIFEST
from tasks.tracking.connection import DATABASE, connect

STEPS = ("ingest", "evaluate/base", "pretrain")
BYTES = 1000  # of each artifact's one file


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database, empty."""
    home = Home(tmp_path_factory.mktemp("registry"))
    assert not isinstance(connect(home), str)
    return home / DATABASE


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@dataclass(frozen=True)
class Plan:
    """A home: node i is made of `inputs[i]`, all of them smaller numbers."""

    inputs: list[set[int]]
    runs: list[tuple[str, str, set[int]]]  # recipe, state, artifacts; the first began first
    versions: list[tuple[set[int], bool]]  # artifacts in its tags, whether it is there still
    worked_on: set[int]
    keep: int


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    count = draw(st.integers(1, 10))
    some = st.sets(st.integers(0, count - 1), max_size=3)
    inputs = [{i for i in draw(some) if i < node} for node in range(count)]
    run = st.tuples(st.sampled_from(["demo", "mine"]), st.sampled_from(["complete", "failed"]), some)
    return Plan(
        inputs=inputs,
        runs=draw(st.lists(run, max_size=5)),
        versions=draw(st.lists(st.tuples(some, st.booleans()), max_size=3)),
        worked_on=draw(some),
        keep=draw(st.integers(0, 2)),
    )


@settings(max_examples=60, deadline=None)
@given(plan=plans())
def test_gc_removes_exactly_what_nothing_needs(registry: Path, plan: Plan) -> None:
    with TemporaryDirectory() as folder, ExitStack() as locks:
        home = build(Home(Path(folder)), registry, plan)
        for node in plan.worked_on:
            lock = locks.enter_context(folder_of(home, node).with_name(f"{key(node)}.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_contents(home / "store").artifacts.keys()
        shown = collect(home, plan.keep)
        assert read_contents(home / "store").artifacts.keys() == before, "nothing is removed without --yes"
        done = collect(home, plan.keep, yes=True)
        left = {int(k, 16) for k in read_contents(home / "store").artifacts}
        assert left == needed_nodes(plan)
        assert done["bytes"] == shown["bytes"]
        assert done["bytes"] >= BYTES * (len(plan.inputs) - len(left))


def needed_nodes(plan: Plan) -> set[int]:
    """The nodes that a version, a kept run or a process names, and all that those were made of."""
    named = {node for nodes, exists in plan.versions if exists for node in nodes} | plan.worked_on
    for recipe in ("demo", "mine"):
        runs = [(state, nodes) for name, state, nodes in plan.runs if name == recipe]
        complete = [nodes for state, nodes in runs if state == "complete"]
        if plan.keep:
            for nodes in [nodes for _, nodes in runs[-plan.keep :]] + complete[-1:]:
                named |= nodes
    while more := {i for node in named for i in plan.inputs[node]} - named:
        named |= more
    return named


def build(home: Home, registry: Path, plan: Plan) -> Home:
    shutil.copy(registry, home / DATABASE)
    for node, inputs in enumerate(plan.inputs):
        store(home, node, inputs)
    for number, (recipe, state, nodes) in enumerate(plan.runs):
        steps = tuple(StepRecord(f"s{n}", key(n), "complete", "", 1.0, "", str(folder_of(home, n))) for n in nodes)
        RunRecord(f"r{number}", recipe, state, "", steps=steps).write(home)
    with closing(sqlite3.connect(home / DATABASE)) as database:
        for number, (nodes, exists) in enumerate(plan.versions, 1):
            stage = "None" if exists else "Deleted_Internal"
            database.execute(
                "INSERT INTO model_versions (name, version, source, current_stage) VALUES ('m', ?, '/', ?)",
                (number, stage),
            )
            first, *rest = [*nodes, None]
            tags = {"parents": json.dumps({"shards": {str(n): key(n) for n in rest if n is not None}})}
            tags |= {"key": key(first)} if first is not None else {}
            rows = [("m", number, name, value) for name, value in tags.items()]
            database.executemany("INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?)", rows)
        database.commit()
    return home


def store(home: Home, node: int, inputs: Iterable[int] = ()) -> Path:
    folder = folder_of(home, node)
    folder.mkdir(parents=True)
    (folder / "data").write_bytes(b"x" * BYTES)
    (folder / MANIFEST).write_text(json.dumps({"inputs": {str(i): key(i) for i in inputs}}))
    return folder


def folder_of(home: Home, node: int) -> Path:
    return home / "store" / STEPS[node % len(STEPS)] / key(node)


def key(node: int) -> str:
    return f"{node:024x}"


def test_while_a_run_is_active_nothing_is_removed(home: Home) -> None:
    store(home, 1)
    with in_use(home / "store"):
        report = collect(home, yes=True)
    assert report["notes"] == [BUSY] and report["bytes"] == 0 and folder_of(home, 1).exists()


def test_interrupted_work_is_removed_on_request_only_and_unusable_work_at_once(home: Home) -> None:
    folder = store(home, 1)
    for ending in (".partial", ".again.partial", ".differs-0123abcd"):
        shutil.copytree(folder, folder.with_name(folder.name + ending))
    (store(home, 2) / MANIFEST).unlink()  # as a removal leaves it that was cut short
    RunRecord("r", "demo", "complete", "", steps=(StepRecord("s", "", "", "", 0, "", str(folder)),)).write(home)
    collect(home, yes=True)
    assert sorted(p.name for p in (home / "store").rglob("0*/")) == [folder.name, f"{folder.name}.partial"]
    assert collect(home, partials=True, yes=True)["folders"][0]["folder"] == f"{folder.name}.partial"
    assert [p.name for p in (home / "store").rglob("0*/")] == [folder.name]


def test_the_record_of_a_removed_artifact_stays_for_the_model_that_names_it(home: Home) -> None:
    kept, middle, top = (store(home, node, {node - 1}) for node in (1, 2, 3))
    RunRecord("r", "demo", "complete", "", steps=(StepRecord("s", "", "", "", 0, "", str(top)),)).write(home)
    for folder in (middle, top):
        shutil.move(folder, home / "lineage" / folder.relative_to(home / "store"))
    collect(home, yes=True)
    assert kept.exists()


def test_a_hard_link_of_a_kept_file_frees_nothing(home: Home) -> None:
    kept, going = store(home, 1), store(home, 2)
    (going / "data").unlink()
    (going / "data").hardlink_to(kept / "data")
    RunRecord("r", "demo", "complete", "", steps=(StepRecord("s", "", "", "", 0, "", str(kept)),)).write(home)
    assert usage(home)["can_go"] < BYTES


def test_a_store_over_its_limit_is_cleaned_and_then_refused_with_a_fix(home: Home) -> None:
    kept, going = store(home, 1), store(home, 2)
    RunRecord("r", "demo", "complete", "", steps=(StepRecord("s", "", "", "", 0, "", str(kept)),)).write(home)
    make_room(home, StoreConfig(max_gb=1.5e-6))
    assert kept.exists() and not going.exists()
    with pytest.raises(UserError, match=r"store\.max_gb") as error:
        make_room(home, StoreConfig(max_gb=0.5e-6))
    assert "triptych gc" in error.value.cure and kept.exists()
