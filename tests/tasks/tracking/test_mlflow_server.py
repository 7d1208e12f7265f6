"""A server elsewhere holds runs and registry: they are read, verified and moved; where it is away, runs go on."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from commands.home.backup import backup
from commands.home.doctor import examine
from commands.home.forget import forget
from commands.home.status import read_status
from flows.record import RunRecord
from flows.retention import collect
from flows.servers.detached_process import free_port
from flows.servers.service import answers
from flows.servers.up import mlflow_address
from flows.session import Request, open_session
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.models.pretrained import content_of
from tasks.register.aliases import audit_external_moves, promote, rollback
from tasks.register.imported import import_version
from tasks.register.publish import RunInfo, publish, publish_waiting
from tasks.tracking.registry import aliases, find, models, resolve, versions
from tasks.tracking.runs import PipelineEnd
from tasks.tracking.server import VARIABLE, MlflowUnavailable
from tasks.tracking.tracker import Tracker, ship
from tests.processes import wait_until
from tests.tasks.models.tiny_weights import tiny_weights
from tests.tasks.tracking.mlflow_runs import artifacts_of, losses, make_artifact, pipeline, run_of, training_run

COMMAND = (sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1")
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
MakePackage = Callable[..., Path]


@dataclass(frozen=True)
class Elsewhere:
    """An MLflow server in a process of its own, with its database and files in a folder of its own."""

    url: str
    files: Path

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.url, self.url)


@pytest.fixture(scope="module")
def server(fresh_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(fresh_home.mlflow_database, folder / "its.db")
    elsewhere = Elsewhere(f"http://127.0.0.1:{free_port()}", folder / "files")
    store = ("--backend-store-uri", f"sqlite:///{folder}/its.db", "--artifacts-destination", str(elsewhere.files))
    command = (*COMMAND, *store, "--port", elsewhere.url.rpartition(":")[2])
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=os.environ | QUIET, stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(lambda: answers(elsewhere.url, "/health"), pause=0.1)
            yield elsewhere
        finally:
            process.terminate()


@pytest.fixture
def home(server: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose MLflow is the server."""
    monkeypatch.setenv(VARIABLE, server.url)
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home")


@contextmanager
def away() -> Iterator[None]:
    """Nothing answers where the server should."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"http://127.0.0.1:{free_port()}")
        yield


@pytest.fixture
def another(tmp_path: Path) -> Home:
    """A second home, as on another machine."""
    (tmp_path / "another").mkdir()
    return Home(tmp_path / "another")


def publish_one(home: Home, make_package: MakePackage, name: str, loss: float = 1.0) -> None:
    publish(make_package(loss, name=name), home, RunInfo(run="r1", recipe=name))


def audit(home: Home) -> list[tuple]:
    lines = map(json.loads, home.audit.read_text().splitlines()) if home.audit.exists() else ()
    return [(line["what"], line["from"], line["to"], line["why"]) for line in lines]


def test_a_version_is_listed_fetched_once_and_verified_in_another_home(home, another, make_package, capsys):
    publish_one(home, make_package, "fetched")
    (version,) = versions(another, "fetched-base")
    assert (version.version, version.aliases) == (1, ("candidate", "champion"))
    weights = resolve("fetched-base@champion", another)
    assert weights.is_relative_to(another.models)
    assert (weights / "model.safetensors").read_bytes() == b"Given(loss=1.0, items='a', seed=0)"
    assert resolve("fetched-base/1", another) == weights
    assert capsys.readouterr().err.count("fetching fetched-base/1") == 1
    (weights / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(UserError, match=r"model\.safetensors: not what was registered .*\n  fix: remove"):
        resolve("fetched-base@champion", another)
    shutil.rmtree(version.folder)
    assert resolve("fetched-base@champion", another) == weights
    assert not home.mlflow_database.exists() and not another.mlflow_database.exists()


def test_an_imported_model_is_registered_on_the_server_once(home, another, tmp_path):
    weights = tiny_weights(tmp_path / "weights")
    first, again = (import_version(weights, "brought", home) for home in (home, another))
    assert (first.is_new, again.is_new) == (True, False) and first.facts == again.facts
    assert content_of(resolve("brought@candidate", another)) == content_of(resolve("brought/1", home))


def test_bytes_that_were_altered_on_the_server_are_refused(home, another, make_package, server):
    publish_one(home, make_package, "altered")
    folder = Path(server.client.get_model_version_download_uri("altered-base", "1").removeprefix("mlflow-artifacts:/"))
    (server.files / folder / "artifacts" / "weights" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(UserError, match=r"model\.safetensors: not what was registered as altered-base/1"):
        resolve("altered-base@champion", another)
    assert not [path for path in another.models.iterdir() if path.is_dir()]


def test_a_version_that_names_no_hash_of_its_files_is_refused(home, make_package, server):
    publish_one(home, make_package, "unnamed")
    for tag in ("", "../../elsewhere", "/" + "0" * 64):
        server.client.set_model_version_tag("unnamed-base", "1", "files_sha256", tag)
        with pytest.raises(UserError, match="choose a version that triptych registered"):
            resolve("unnamed-base/1", home)


def test_what_is_read_over_http_is_what_mlflows_client_says(home, make_package, server):
    publish_one(home, make_package, "read")
    publish_one(home, make_package, "read", loss=0.5)
    theirs = {
        int(v.version): (tuple(sorted(server.client.get_model_version(v.name, v.version).aliases)), dict(v.tags))
        for v in server.client.search_model_versions("name = 'read-base'")
    }
    assert {v.version: (v.aliases, v.tags) for v in versions(home, "read-base")} == theirs
    assert [row["aliases"] for row in models(home) if row["name"] == "read-base"] == [
        ["previous"],
        ["candidate", "champion"],
    ]
    assert versions(home, "it's") == []


def test_promotion_and_rollback_move_aliases_on_the_server_and_are_audited(home, another, make_package, server):
    publish_one(home, make_package, "moved")
    publish_one(home, make_package, "moved", loss=1.5)
    before = len(audit(home))
    assert promote("moved-base/2", home, "a demonstration").aliases == ("candidate", "champion")
    assert rollback("moved-base", home).version == 1
    assert aliases(another)["moved-base"] == {"candidate": 2, "champion": 1, "previous": 2}
    assert [line for line in audit(home)[before:] if "champion" in line[0]] == [
        ("moved-base@champion", 1, 2, "a demonstration"),
        ("moved-base@champion", 2, 1, "rollback: by hand"),
    ]
    assert audit_external_moves(another) == [], "what others registered before is no move"
    server.client.set_registered_model_alias("moved-base", "champion", "2")
    for one in (home, another):
        assert "moved-base@champion was moved by hand: 1 → 2; kept" in audit_external_moves(one)
    assert not home.known_aliases.exists(), "this list is of the home's own MLflow"


def test_a_run_that_starts_while_the_server_is_away_is_sent_later(home, server):
    with away(), Tracker(home, pipeline()) as tracker:
        tracker.step(training_run(make_artifact(home)))
        tracker.end(PipelineEnd(state="complete", seconds=70.0))
        assert tracker.mlflow_run_id("pretrain") is None
        assert tracker.close() == 3
    assert ship(home) == 0
    assert len(losses(home)) == 300
    assert run_of(home, "r1").info.status == "FINISHED"
    assert run_of(home, "r1").info.artifact_uri.startswith("mlflow-artifacts:")
    assert (artifacts_of(home, "r1/pretrain") / "metrics.jsonl").is_file()
    assert not home.mlflow_database.exists()


def test_a_run_of_another_home_does_not_count_as_killed(home, another, server):
    with Tracker(another, pipeline("theirs")) as theirs:
        assert theirs.mlflow_run_id(seconds=20)
        with Tracker(home, pipeline("ours")) as ours:
            assert ours.mlflow_run_id(seconds=20)
        assert run_of(home, "theirs").info.status == "RUNNING"
        theirs.end(PipelineEnd(state="complete", seconds=1.0))
    assert run_of(home, "theirs").info.status == "FINISHED"


def test_what_is_published_while_the_server_is_away_is_published_later(home, make_package, capsys):
    with away():
        publish_one(home, make_package, "late")
        assert "not published yet" in capsys.readouterr().err
    assert [made.name for made in publish_waiting(home)] == ["late-base"]
    assert find("late-base@champion", home).version == 1


def test_a_model_cannot_be_resolved_while_the_server_is_away(home):
    with away(), pytest.raises(MlflowUnavailable, match=r"does not answer .*\n  fix: start it, or correct") as error:
        resolve("demo-base@champion", home)
    assert error.value.exit_code == 1


def test_status_and_doctor_say_that_the_server_is_away(home):
    RunRecord(run="r1", recipe="demo", state="complete", started="").write(home)
    with away():
        assert "latest run left them: the MLflow server http://" in read_status(home)["noticed"][-1]
        (row,) = [row for row in examine(home) if row["level"] == "error" and "MLflow" in row["what"]]
        assert "does not answer" in row["what"]
    assert any("answers" in row["what"] for row in examine(home))


def test_what_is_no_mlflow_server_is_reported_as_such(home, server, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"{server.url}/health")
    with pytest.raises(
        MlflowUnavailable, match=f"does not answer as an MLflow server does: 404.*\n  fix: correct {VARIABLE}"
    ):
        versions(home)


@pytest.mark.parametrize("address", ["example.org:5000", "http://", "http://a:b", "ftp://a", "http://a/#/models"])
def test_a_wrong_address_is_a_usage_error_before_anything_runs(home, monkeypatch, address):
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(UsageError, match="not the address of a server"):
        open_session(Request(home, "smoke"))
    assert not home.records.exists()


def test_a_password_in_the_address_is_refused_and_not_repeated(home, monkeypatch):
    monkeypatch.setenv(VARIABLE, "http://me:secret@localhost:5000")
    with pytest.raises(UsageError, match="MLFLOW_TRACKING_PASSWORD") as error:
        versions(home)
    assert "secret" not in str(error.value)


def test_a_backup_says_what_only_the_server_has(home, server, tmp_path, capsys):
    RunRecord(run="r1", recipe="demo", state="complete", started="").write(home)
    assert backup(home, tmp_path / "backup")["not_included"] == server.url
    assert f"not in this backup: runs and registry of {server.url}" in capsys.readouterr().err


def test_nothing_is_removed_where_the_server_of_the_models_is_not_named(home, monkeypatch):
    audit_external_moves(home)
    monkeypatch.delenv(VARIABLE)
    for act in (lambda: collect(home, yes=True), lambda: forget(home, ["a/1"])):
        with pytest.raises(UserError, match=f"set {VARIABLE} to its address"):
            act()


def test_links_lead_to_the_servers_pages(home, server):
    assert mlflow_address(home) == server.url
