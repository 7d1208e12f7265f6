"""A home goes into a backup while its databases are written, and comes back elsewhere, whole or not at all."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from commands.home.backup import BELOW, CONTENTS, backup, restore
from flows.record import RunRecord, StepRecord, latest
from tasks.errors import UsageError, UserError
from tasks.feedback.log import append
from tasks.home import Home
from tasks.register.publish import RunInfo, publish
from tasks.store.artifacts import Artifact, Store
from tasks.tracking.registry import resolve, verified, versions
from tests.tasks.feedback.entries import judged
from tests.tasks.register.conftest import CONFIG, SCORE, TRAIN, Given
from tests.tasks.register.conftest import REGISTER as PACKAGE


def make_artifacts(home: Home, loss: float = 1.0) -> list[Artifact]:
    """A training, its scores and the package: from the store where they exist."""
    store, config = Store(home / "store"), Given(loss=loss)
    trained, scored = store.complete(TRAIN, config, {}), store.complete(SCORE, config, {})
    return [trained, scored, store.complete(PACKAGE, CONFIG, {"base": trained, "scores_base": scored})]


@pytest.fixture(scope="module")
def living_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a run, a registered model, and a Prefect database that has not come to rest."""
    home = Home(tmp_path_factory.mktemp("a home") / "runs")
    artifacts = make_artifacts(home)
    make_artifacts(home, loss=9.0)  # of no run and no version
    steps = tuple(StepRecord(a.step, a.key, "complete", "", 1.0, a.sha256, str(a.path)) for a in artifacts)
    RunRecord("r1", "demo", "complete", "", steps=steps).write(home)
    publish(artifacts[-1].path, home, RunInfo(run="r1", recipe="demo"))
    (home / "prefect").mkdir()
    (home / "prefect" / "prefect-server.json").write_text('{"pid": 1, "started": 0, "url": ""}')
    (home / "api").mkdir()
    (home / "api" / "keys.json").write_text("{}")
    append(home, judged("Is this kept?"))
    return home


@pytest.fixture(scope="module")
def backup_folder(living_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its backup, taken while somebody writes the Prefect database."""
    to = tmp_path_factory.mktemp("disk") / "backup"
    with closing(sqlite3.connect(living_home / "prefect" / "prefect.db")) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE log (line TEXT)")
        writer.execute("INSERT INTO log VALUES ('committed')")
        writer.commit()
        writer.execute("INSERT INTO log VALUES ('pending')")
        backup(living_home, to)
        writer.rollback()
    return to


def test_a_restored_home_has_its_models_runs_artifacts_keys_and_databases(living_home, backup_folder, tmp_path):
    home, away = Home(tmp_path / "new place" / "runs"), Home(living_home.path.with_name("away"))
    living_home.path.rename(away)  # nothing may be read from where it was
    try:
        restore(home, backup_folder)
        assert all(artifact.hit for artifact in make_artifacts(home))
        assert not (home / "store" / "train" / make_artifacts(away, loss=9.0)[0].key).exists(), (
            "not needed, so not kept"
        )
        (version,) = versions(home)
        assert verified(version, home).folder.is_relative_to(home.path) and resolve("demo-base@champion", home).is_dir()
        record = latest(home)
        assert record and all(Path(step.path or "").is_relative_to(home.path) for step in record.steps)
        with closing(sqlite3.connect(home / "mlflow.db")) as database:
            assert str(living_home) not in "".join(database.iterdump())
        with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
            assert database.execute("SELECT line FROM log").fetchall() == [("committed",)]
        assert (home / "audit.jsonl").read_bytes() == (away / "audit.jsonl").read_bytes()
        assert (home / "api" / "keys.json").exists()
        assert home.feedback.read_bytes() == (away / "feedback.jsonl").read_bytes()
        assert not (home / "prefect" / "prefect-server.json").exists(), "its process is not this home's"
    finally:
        away.path.rename(living_home)


@pytest.mark.parametrize("harm", ["flip", "cut", "lose", "contents"])
def test_the_first_damaged_file_is_named_and_nothing_is_restored(backup_folder, tmp_path, harm):
    spoilt, home = tmp_path / "backup", Home(tmp_path / "place" / "runs")
    shutil.copytree(backup_folder, spoilt)
    victim = next((spoilt / BELOW / "store" / "train").rglob("model.safetensors"))
    if harm == "flip":
        victim.write_bytes(bytes([victim.read_bytes()[0] ^ 1]) + victim.read_bytes()[1:])
    elif harm == "cut":
        victim.write_bytes(victim.read_bytes()[:-1])
    elif harm == "lose":
        victim.unlink()
    else:
        victim = spoilt / CONTENTS
        victim.write_text(victim.read_text().replace('"bytes": ', '"bytes": 1'))
    with pytest.raises(UserError, match=victim.name) as error:
        restore(home, spoilt)
    assert str(victim) in error.value.what and error.value.cure
    assert not home.path.parent.exists() or not list(home.path.parent.iterdir())


def test_only_an_empty_home_is_restored_into_and_only_an_empty_folder_backed_up_into(
    living_home, backup_folder, tmp_path
):
    (tmp_path / "something").touch()
    with pytest.raises(UsageError, match="not empty"):
        restore(Home(tmp_path), backup_folder)
    with pytest.raises(UsageError, match="not empty"):
        backup(living_home, tmp_path)
    with pytest.raises(UsageError, match="in the home itself"):
        backup(living_home, living_home / "backup")
    (tmp_path / "empty").mkdir()
    assert restore(Home(tmp_path / "empty"), backup_folder)["was"] == str(living_home)


def test_damage_in_the_store_is_reported_and_not_backed_up(living_home, tmp_path):
    home = Home(tmp_path / "runs")
    shutil.copytree(living_home, home)
    file = make_artifacts(home)[0].path / "weights" / "config.json"
    file.write_bytes(file.read_bytes()[::-1])
    with pytest.raises(UserError, match=r"config\.json: not what was stored"):
        backup(home, tmp_path / "backup")
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]
