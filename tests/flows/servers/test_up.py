"""`triptych up`: everything runs, is deployed as prefect.yaml says, stays as it is at a second `up`, and ends."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.servers import detached_process, up
from flows.servers.prefect_server import ensure_server, environment, inherited
from flows.servers.schedule import read_schedule, set_schedule
from tasks.errors import UsageError
from tasks.home import Home
from tests.processes import wait_until

REPOSITORY = Path(__file__).parents[3]
FIELDS_OF_PREFECT_YAML = (
    "entrypoint",
    "description",
    "parameters",
    "job_variables",
    "pull_steps",
    "path",
    "work_pool_name",
    "global_concurrency_limit",
    "concurrency_options",
    "enforce_parameter_schema",
    "parameter_openapi_schema",
    "paused",
    "tags",
)


@pytest.fixture(scope="module")
def addresses(home: Home) -> dict[str, Any]:
    return up.start_servers(home)


def test_up_starts_pages_that_respond_and_a_worker_that_runs(addresses: dict[str, Any], home: Home) -> None:
    for page in (addresses["prefect"], addresses["mlflow"]):
        with urllib.request.urlopen(page, timeout=30) as reply:
            assert b"<html" in reply.read().lower()
    worker = detached_process.find(home, up.WORKER)
    assert worker and worker.pid == addresses["worker"]


def test_the_artifacts_of_a_run_open_in_mlflows_pages(addresses: dict[str, Any], home: Home) -> None:
    made = httpx.post(f"{addresses['mlflow']}/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})
    run = made.json()["run"]["info"]
    folder = Path(run["artifact_uri"].removeprefix("file://"))
    folder.mkdir(parents=True)
    (folder / "note.txt").write_text("it opens")
    where = f"{addresses['mlflow']}/get-artifact?run_id={run['run_id']}&path=note.txt"
    with urllib.request.urlopen(where, timeout=30) as reply:
        assert reply.read() == b"it opens"
    assert folder.is_relative_to(home / "mlflow-artifacts")


def test_a_second_up_leaves_running_services_as_they_are(addresses: dict[str, Any], home: Home) -> None:
    assert up.start_servers(home) == addresses


def test_mlflows_pages_refuse_other_names_and_other_origins(addresses: dict[str, Any]) -> None:
    search = f"{addresses['mlflow']}/api/2.0/mlflow/experiments/search?max_results=1"
    port = addresses["mlflow"].rpartition(":")[2]
    assert httpx.get(search).status_code == 200
    for host in ("evil.example", f"10.evil.example:{port}", f"192.168.1.evil.example:{port}", "10.0.0.1"):
        assert httpx.get(search, headers={"Host": host}).status_code == 403, host
    create, body = f"{addresses['mlflow']}/api/2.0/mlflow/experiments/create", {"name": "from a page"}
    for origin in ("http://evil.example", "null"):  # pages of other servers on loopback are let in by MLflow itself
        assert httpx.post(create, json=body, headers={"Origin": origin}).status_code == 403, origin


def test_another_up_keeps_the_folder_of_a_scheduled_recipe(
    addresses: dict[str, Any], home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    set_schedule(home, on=False, recipe="mine")
    monkeypatch.chdir(tmp_path)
    up.start_servers(home)
    deployment = _deployment(home, "nightly")
    assert deployment["job_variables"]["working_dir"] == str(tmp_path / "project")
    assert _deployment(home, "pipeline")["job_variables"]["working_dir"] == str(tmp_path)
    ensure_server(home).patch(f"/deployments/{deployment['id']}", {"parameters": {}})
    monkeypatch.undo()
    assert up.start_servers(home) == addresses


def test_the_nightly_run_is_paused_until_it_is_switched_on(addresses: dict[str, Any], home: Home) -> None:
    assert not _deployment(home, "nightly")["schedules"][0]["active"]
    nightly = {"deployment": "pipeline/nightly", "timezone": "UTC"}
    assert set_schedule(home, on=True) == {**nightly, "on": True, "recipe": "demo", "cron": "0 3 * * *"}
    assert _deployment(home, "nightly")["schedules"][0]["active"]
    assert wait_until(lambda: (read_schedule(home) or {})["next"]).endswith("T03:00:00Z")
    set_schedule(home, on=False)
    assert read_schedule(home) == {**nightly, "on": False, "recipe": "demo", "cron": "0 3 * * *", "next": None}
    assert not _deployment(home, "nightly")["schedules"][0]["active"]


def test_the_schedule_of_the_nightly_run_survives_another_up(addresses: dict[str, Any], home: Home) -> None:
    schedule = set_schedule(home, on=False, recipe="smoke", cron="30 4 * * 1")
    assert schedule["recipe"] == "smoke" and schedule["cron"] == "30 4 * * 1"
    up.start_servers(home)
    assert set_schedule(home, on=False) == schedule
    with pytest.raises(UsageError, match="not a cron expression"):
        set_schedule(home, on=False, cron="whenever")
    assert set_schedule(home, on=False) == schedule
    deployment = _deployment(home, "nightly")
    ensure_server(home).patch(f"/deployments/{deployment['id']}", {"parameters": {}})
    set_schedule(home, on=False, cron="0 3 * * *")


def test_prefect_yaml_makes_the_same_deployments(addresses: dict[str, Any], home: Home) -> None:
    ours = {name: _deployment(home, name) for name in ("pipeline", "nightly")}
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", "prefect.yaml"]
    settings = inherited() | environment(home) | {"PWD": str(Path.cwd())}
    done = subprocess.run(command, cwd=REPOSITORY, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name, before in ours.items():
        after = _deployment(home, name)
        assert {key: after[key] for key in FIELDS_OF_PREFECT_YAML} == {
            key: before[key] for key in FIELDS_OF_PREFECT_YAML
        }
        assert _schedules(after) == _schedules(before)


def test_stop_ends_all_of_this_home_and_nothing_else(addresses: dict[str, Any], home: Home, tmp_path: Path) -> None:
    detached_process.start(Home(tmp_path), up.WORKER, ["sleep", "60"], os.environ)
    assert up.stop_servers(home) == {"stopped": ["prefect-worker", "mlflow-ui", "prefect-server"]}
    assert up.stop_servers(home) == {"stopped": []}
    assert up.stop_servers(Home(tmp_path)) == {"stopped": ["prefect-worker"]}


def _deployment(home: Home, name: str) -> dict[str, Any]:
    return ensure_server(home).get(f"/deployments/name/pipeline/{name}")


def _schedules(deployment: dict[str, Any]) -> list[tuple[bool, dict[str, Any]]]:
    return [(entry["active"], entry["schedule"]) for entry in deployment["schedules"]]
