"""Runs whose process is gone, reported to Prefect at the next start: a killed process can report nothing itself.

While a flow's body runs, `home/prefect/running/FLOW_RUN_ID.json` names its process. A run that Prefect holds for
running, though that process is gone, ends as its own record says it ended (the server was away at that moment), or as
Crashed where the record shows no end.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.record import RunRecord, read
from flows.servers import detached_process
from flows.servers.prefect_api import PrefectApi
from flows.servers.schedule import FLOW
from tasks.home import Home

STARTING = timedelta(minutes=2)  # a run younger than this may have no process to show yet
UNFINISHED = ["PENDING", "RUNNING", "CANCELLING"]
ENDS = {"complete": "COMPLETED", "failed": "FAILED"}  # a record's state → Prefect's; any other: CRASHED
STEP_NAMES = {"cached": "Cached", "skipped": "Skipped"}


@contextmanager
def process_of(home: Home, flow_run: str) -> Iterator[None]:
    """Within, the home knows that this process works on the flow run."""
    detached_process.write(_note(home, flow_run), detached_process.of(os.getpid()))
    yield  # the note stays: `reconcile` checks whether Prefect has recorded the end


def reconcile(home: Home, prefect: PrefectApi) -> list[str]:
    """The names of the flow runs that were held for running and are not any more."""
    settled = [_settle(home, prefect, run) for run in _unfinished(prefect) if _is_gone(home, run)]
    for note in _note(home, "any").parent.glob("*.json"):
        if not _is_working(note):
            note.unlink(missing_ok=True)
    return settled


def _unfinished(prefect: PrefectApi) -> list[dict[str, Any]]:
    body = {"flows": {"name": {"any_": [FLOW]}}, "flow_runs": {"state": {"type": {"any_": UNFINISHED}}}}
    return prefect.post("/flow_runs/filter", body)


def _is_gone(home: Home, run: dict[str, Any]) -> bool:
    note = _note(home, run["id"])
    if note.exists():
        return not _is_working(note)
    return datetime.fromisoformat(run["state"]["timestamp"]) < datetime.now(UTC) - STARTING


def _is_working(note: Path) -> bool:
    process = detached_process.read(note)
    return process is not None and detached_process.is_alive(process)


def _settle(home: Home, prefect: PrefectApi, run: dict[str, Any]) -> str:
    record = _record_of(home, run["id"])
    for task in prefect.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}}):
        if task["state_type"] in UNFINISHED:
            _set_state(prefect, f"/task_runs/{task['id']}", _end_of_step(record, task["name"]))
    _set_state(prefect, f"/flow_runs/{run['id']}", _end_of_run(record))
    return run["name"]


def _record_of(home: Home, flow_run: str) -> RunRecord | None:
    records = (read(path) for path in sorted(home.records.glob("*.json"), reverse=True))
    return next((record for record in records if record.links.get("prefect_flow_run") == flow_run), None)


def _end_of_run(record: RunRecord | None) -> dict[str, str]:
    if record and record.state in ENDS:
        return {
            "type": ENDS[record.state],
            "message": record.error or "reported later: the server was away when it ended",
        }
    return {"type": "CRASHED", "message": "its process is gone"}


def _end_of_step(record: RunRecord | None, label: str) -> dict[str, str]:
    step = next((step for step in record.steps if step.step == label), None) if record else None
    if step and step.state in ("complete", "cached", "skipped"):
        return {"type": "COMPLETED", "name": STEP_NAMES.get(step.state, "Completed"), "message": step.reason}
    if step and step.state == "failed":
        return {"type": "FAILED", "message": step.reason}
    return {"type": "CRASHED", "message": "its process is gone"}


def _set_state(prefect: PrefectApi, path: str, state: dict[str, str]) -> None:
    prefect.post(f"{path}/set_state", {"state": state, "force": True})


def _note(home: Home, flow_run: str) -> Path:
    return home.running_flows / f"{flow_run}.json"
