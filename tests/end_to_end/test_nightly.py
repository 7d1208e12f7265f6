"""`smoke` on a schedule: a cron deployment, a worker left alone with it, and what people then see of the run."""

import json
import urllib.request
from typing import Any

import pytest

from flows.servers.prefect_api import PrefectApi
from tests.end_to_end.conftest import CommandLine
from tests.processes import wait_until

SECONDS_TO_WAIT = 200.0  # on a machine that is busy with other tests
EVERY_10_SECONDS = "* * * * * */10"


@pytest.fixture(scope="module")
def pages(own_smoke: tuple[CommandLine, dict[str, Any]]) -> dict[str, Any]:
    """Addresses of the pages, after the nightly deployment, every ten seconds, has run `smoke`."""
    cli, _ = own_smoke
    addresses = cli.json("up")
    cli.json("schedule", "--on", "--recipe", "smoke", "--cron", EVERY_10_SECONDS)
    wait_until(lambda: flow_runs(addresses, "SCHEDULED"), SECONDS_TO_WAIT, pause=0.5)
    wait_until(lambda: flow_runs(addresses, "COMPLETED"), SECONDS_TO_WAIT, pause=0.5)
    cli.json("schedule", "--off")
    return addresses


def test_a_worker_completes_smoke_as_scheduled(own_smoke, pages):
    cli, _ = own_smoke
    completed = flow_runs(pages, "COMPLETED")
    status = cli.json("status")
    assert completed[0]["state"]["name"] == "Cached", completed[0]["state"]
    assert status["recipe"] == "smoke" and {step["state"] for step in status["steps"]} == {"cached"}
    assert status["schedule"] == []


def test_prefects_page_links_each_step_to_its_mlflow_run(own_smoke, pages):
    cli, _ = own_smoke
    (run, *_) = flow_runs(pages, "COMPLETED")
    artifacts = prefect_of(pages).post("/artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    (links,) = [artifact["data"] for artifact in artifacts if artifact["key"] == "mlflow"]
    for step in cli.json("status")["steps"]:
        assert f"({pages['mlflow']}/#/runs/{step['mlflow_run_id']})" in links, step["step"]
        ours = f"{pages['mlflow']}/api/2.0/mlflow/runs/get?run_id={step['mlflow_run_id']}"
        with urllib.request.urlopen(ours) as reply:
            assert json.load(reply)["run"]["info"]["run_name"] == step["step"]


def prefect_of(pages: dict[str, Any]) -> PrefectApi:
    return PrefectApi(f"{pages['prefect']}/api", pages["password"])


def flow_runs(pages: dict[str, Any], state: str) -> list[dict[str, Any]]:
    """Runs of the deployment in that state."""
    wanted = {"state": {"type": {"any_": [state]}}, "deployment_id": {"is_null_": False}}
    return prefect_of(pages).post("/flow_runs/filter", {"flow_runs": wanted})
