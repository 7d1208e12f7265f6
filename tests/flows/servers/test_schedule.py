"""A cron deployment gets runs; one that fails or is missed is reported, and calls a webhook."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread
from typing import Any

import pytest

from commands.home.status import read_status
from flows.servers import up
from flows.servers.prefect_api import PrefectApi
from flows.servers.prefect_server import ensure_server
from flows.servers.schedule import missed_and_failed, read_schedule, set_schedule
from tasks.errors import UserError
from tasks.home import Home
from tests.processes import wait_until

DEPLOY = """
from flows.servers.deployments import Planned, deploy
from flows.servers.webhook import notify
notify({webhook!r})
variables = {{"env": {{"TRIPTYCH_HOME": {home!r}}}, "working_dir": {folder!r}}}
often = Planned("often", "", cron="* * * * * */10", is_active=True)
deploy(variables, [often], "tests.flows.tiny.counts")
deploy(variables, [Planned("by-hand", "")], "tests.flows.tiny.fails")
"""
SECONDS_TO_WAIT = 120.0  # on a machine that is busy with other tests; a quiet one needs a fifth of it


@pytest.fixture(scope="module")
def calls() -> Iterator[list[dict[str, str]]]:
    """The webhook's address, then every body that it received."""
    received: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        received.append({"address": f"http://127.0.0.1:{server.server_address[1]}"})
        yield received
        server.shutdown()


@pytest.fixture(scope="module")
def prefect(
    home: Home, calls: list[dict[str, str]], with_prefect: Callable[[Home, str], CompletedProcess[str]]
) -> PrefectApi:
    """The server's address, with a cron deployment, one that fails, a webhook, and no worker yet."""
    address = ensure_server(home)
    code = DEPLOY.format(webhook=calls[0]["address"], home=str(home), folder=str(Path(__file__).parents[3]))
    done = with_prefect(home, code)
    assert done.returncode == 0, done.stderr
    return address


def test_a_cron_deployment_gets_its_runs_scheduled(prefect: PrefectApi) -> None:
    assert wait_until(lambda: _runs(prefect, "counts", "SCHEDULED"), SECONDS_TO_WAIT, pause=0.2)


def test_a_missed_run_is_detected_and_calls_the_webhook(
    prefect: PrefectApi, home: Home, calls: list[dict[str, str]]
) -> None:
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": an_hour_ago}}
    deployment = prefect.get("/deployments/name/fails/by-hand")
    run = prefect.post(f"/deployments/{deployment['id']}/create_flow_run", {"state": state})
    wanted = {"event": "prefect.flow-run.Late", "flow": "fails", "run": run["name"]}
    assert wait_until(lambda: wanted in calls, SECONDS_TO_WAIT)
    assert (run["name"], "Late") in [(trouble["name"], trouble["state"]) for trouble in read_status(home)["schedule"]]


@pytest.fixture(scope="module")
def worker(prefect: PrefectApi, home: Home) -> None:
    """A worker for them, from here on."""
    up.start_worker(home, prefect)


@pytest.mark.usefixtures("worker")
def test_a_failed_run_is_detected_and_calls_the_webhook(
    prefect: PrefectApi, home: Home, calls: list[dict[str, str]]
) -> None:
    assert wait_until(lambda: any(call.get("event") == "prefect.flow-run.Failed" for call in calls), SECONDS_TO_WAIT)
    failed = [trouble for trouble in missed_and_failed(home) if trouble["state"] == "Failed"]
    assert [trouble["message"] for trouble in failed] == ["Flow run encountered an exception: ValueError: as it must"]
    assert failed[0]["url"].startswith(prefect.page)


@pytest.mark.usefixtures("worker")
def test_a_run_cannot_bring_a_command_or_an_environment_of_its_own(prefect: PrefectApi, tmp_path: Path) -> None:
    written = tmp_path / "written"
    deployment = prefect.get("/deployments/name/counts/often")
    own = {"command": f"touch {written}", "env": {"PYTHONSTARTUP": str(written)}}
    body = {"job_variables": own, "state": {"type": "SCHEDULED"}}
    run = prefect.post(f"/deployments/{deployment['id']}/create_flow_run", body)
    assert wait_until(
        lambda: prefect.get(f"/flow_runs/{run['id']}")["state_type"] in ("COMPLETED", "FAILED"), SECONDS_TO_WAIT
    )
    assert prefect.get(f"/flow_runs/{run['id']}")["state_type"] == "COMPLETED" and not written.exists()


def test_scheduled_runs_wait_for_each_other(prefect: PrefectApi) -> None:
    limits = prefect.post("/v2/concurrency_limits/filter", {})
    assert {limit["limit"] for limit in limits if limit["name"].startswith("deployment:")} == {1}
    assert prefect.get(f"/work_pools/{up.POOL}")["concurrency_limit"] == 1


def test_the_nightly_run_cannot_be_switched_where_nothing_is_deployed(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        set_schedule(Home(tmp_path), on=True)
    assert error.value.cure == "triptych up"
    assert missed_and_failed(Home(tmp_path)) == [] and read_schedule(Home(tmp_path)) is None


def _runs(prefect: PrefectApi, flow: str, state: str) -> list[dict[str, Any]]:
    body = {"flows": {"name": {"any_": [flow]}}, "flow_runs": {"state": {"type": {"any_": [state]}}}}
    return prefect.post("/flow_runs/filter", body)
