"""A run or a server killed in the middle: the run ends promptly, and its state is corrected at the next start."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import CompletedProcess
from typing import Any

import pytest

from flows.servers import detached_process
from flows.servers.prefect_api import PrefectApi
from flows.servers.prefect_server import SERVER, ensure_server, running
from flows.servers.reconcile import reconcile
from tasks.home import Home

RUN = """
import os
from flows.servers.prefect_client import final_state
from tests.flows.tiny import stand_in
print(final_state(lambda: stand_in({home!r}, {victim}, return_state=True)))
"""
PROMPT_SECONDS = 45.0  # 6 s on a quiet machine, import of Prefect included; Prefect alone would retry for 130 s


@dataclass(frozen=True)
class Aftermath:
    """The observations after a killed run and a killed server in one home."""

    killed_run: CompletedProcess[str]
    orphaned_run: CompletedProcess[str]
    orphaned_seconds: float
    address_before: PrefectApi
    address_after: PrefectApi
    states_before: list[str]
    settled: list[str]
    runs: list[dict[str, Any]]  # in the order of their start


@pytest.fixture(scope="module")
def aftermath(another_home: Home, with_prefect: Callable[[Home, str], CompletedProcess[str]]) -> Aftermath:
    before = ensure_server(another_home)
    killed = with_prefect(another_home, RUN.format(home=str(another_home), victim="os.getpid()"))
    server = detached_process.find(another_home, SERVER.name)
    assert server
    began = time.monotonic()
    orphaned = with_prefect(another_home, RUN.format(home=str(another_home), victim=server.pid))
    seconds = time.monotonic() - began
    assert running(another_home) is None
    after = ensure_server(another_home)
    states = [run["state_name"] for run in _runs(after)]
    settled = reconcile(another_home, after)
    return Aftermath(killed, orphaned, seconds, before, after, states, settled, _runs(after))


def test_a_run_ends_promptly_and_well_though_its_server_is_killed(aftermath: Aftermath) -> None:
    assert aftermath.orphaned_run.returncode == 0, aftermath.orphaned_run.stderr
    assert aftermath.orphaned_seconds < PROMPT_SECONDS
    assert "the Prefect server went away" in aftermath.orphaned_run.stderr
    assert "Traceback" not in aftermath.orphaned_run.stderr


def test_a_killed_server_comes_back_at_its_old_address(aftermath: Aftermath) -> None:
    assert aftermath.address_after == aftermath.address_before


def test_runs_left_as_running_in_prefect_are_settled(aftermath: Aftermath) -> None:
    assert aftermath.killed_run.returncode == -signal.SIGKILL
    assert aftermath.states_before == ["Running", "Running"]
    assert sorted(aftermath.settled) == sorted(run["name"] for run in aftermath.runs)


def test_a_killed_run_becomes_crashed(aftermath: Aftermath) -> None:
    assert aftermath.runs[0]["state_name"] == "Crashed"
    assert aftermath.runs[0]["state"]["message"] == "its process is gone"


def test_a_run_that_ended_well_without_its_server_becomes_completed(aftermath: Aftermath) -> None:
    assert aftermath.runs[1]["state_name"] == "Completed"


def test_an_active_run_is_left_alone_and_settled_with_its_tasks_once_its_process_is_gone(
    aftermath: Aftermath, another_home: Home
) -> None:
    prefect, state = aftermath.address_after, {"type": "RUNNING"}
    flow = prefect.post("/flows/", {"name": "pipeline"})
    run = prefect.post("/flow_runs/", {"flow_id": flow["id"], "state": state})
    task = {"flow_run_id": run["id"], "name": "ingest", "task_key": "ingest", "dynamic_key": "0", "state": state}
    task = prefect.post("/task_runs/", task)
    note = another_home / "prefect" / "running" / f"{run['id']}.json"
    own = detached_process.of(os.getpid())
    detached_process.write(note, own)
    assert reconcile(another_home, prefect) == []
    detached_process.write(note, detached_process.Detached(own.pid, own.started - 3600))
    assert reconcile(another_home, prefect) == [run["name"]]
    assert prefect.get(f"/task_runs/{task['id']}")["state_name"] == "Crashed"
    assert not note.exists()


def _runs(prefect: PrefectApi) -> list[dict[str, Any]]:
    body = {"flows": {"name": {"any_": ["pipeline"]}}, "sort": "START_TIME_ASC"}
    return prefect.post("/flow_runs/filter", body)
