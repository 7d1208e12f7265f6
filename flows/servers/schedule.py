"""The nightly run, switched on and off, and what went wrong with scheduled runs while nobody was looking.

Prefect raises `prefect.flow-run.Late`, `.Failed` and `.Crashed` for these by itself; `flows/servers/webhook.py`
turns them into a webhook call.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.servers.prefect_api import PrefectApi
from flows.servers.prefect_server import running
from tasks.errors import UsageError, UserError
from tasks.home import Home

FLOW = "pipeline"
NIGHTLY = "nightly"
DEFAULT = "demo"  # what the flow runs where no other recipe is set
DAYS_LOOKED_BACK = 7
RUNS_SHOWN = 20


def set_schedule(home: Home, on: bool, recipe: str | None = None, cron: str | None = None) -> dict[str, Any]:
    """The nightly schedule, resumed or paused; a recipe is what it runs, a cron expression (UTC) when, from now on.

    The recipe, and relative paths in it, are looked up in the folder where this is called.
    """
    import httpx

    prefect = running(home)
    if prefect is None:
        raise UserError("the Prefect server of this home is not running", "triptych up")
    nightly = _nightly(prefect)
    if nightly is None:
        raise UserError("nothing is deployed in this home yet", "triptych up")
    entry, runs = nightly["schedules"][0], nightly["parameters"]
    when = entry["schedule"] | ({"cron": cron} if cron else {})
    if recipe is not None:
        runs = runs | {"recipe": recipe}
        variables = nightly["job_variables"] | {"working_dir": str(Path.cwd())}
        prefect.patch(f"/deployments/{nightly['id']}", {"parameters": runs, "job_variables": variables})
    try:
        prefect.patch(f"/deployments/{nightly['id']}/schedules/{entry['id']}", {"active": on, "schedule": when})
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
            raise
        raise UsageError(
            f"not a cron expression: {cron!r}", "minute hour day month weekday, in UTC, such as '0 3 * * *'"
        ) from error
    return _as_json(on, runs, when)


def read_schedule(home: Home) -> dict[str, Any] | None:
    """The nightly schedule and when it runs next (ISO, or None); None where no server of the home has one."""
    prefect = running(home)
    nightly = _nightly(prefect) if prefect else None
    if prefect is None or nightly is None:
        return None
    entry = nightly["schedules"][0]
    wanted = {
        "deployment_id": {"any_": [nightly["id"]]},
        "expected_start_time": {"after_": datetime.now(UTC).isoformat()},
        "state": {"type": {"any_": ["SCHEDULED"]}},
    }
    runs = prefect.post("/flow_runs/filter", {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_ASC", "limit": 1})
    following = runs[0]["expected_start_time"] if runs and entry["active"] else None
    return _as_json(entry["active"], nightly["parameters"], entry["schedule"]) | {"next": following}


def _nightly(prefect: PrefectApi) -> dict[str, Any] | None:
    """Its deployment; None where nothing is deployed yet."""
    import httpx

    try:
        return prefect.get(f"/deployments/name/{FLOW}/{NIGHTLY}")
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        return None


def _as_json(on: bool, runs: dict[str, Any], when: dict[str, Any]) -> dict[str, Any]:
    settings = {"recipe": runs.get("recipe", DEFAULT), "cron": when["cron"], "timezone": when["timezone"]}
    return {"deployment": f"{FLOW}/{NIGHTLY}", "on": on, **settings}


def missed_and_failed(home: Home) -> list[dict[str, Any]]:
    """Deployed runs of the last days that failed, crashed, or are late by now; empty where no server runs."""
    prefect = running(home)
    if prefect is None:
        return []
    since = datetime.now(UTC) - timedelta(days=DAYS_LOOKED_BACK)
    wanted = {
        "deployment_id": {"is_null_": False},
        "expected_start_time": {"after_": since.isoformat()},
        "state": {"operator": "or_", "type": {"any_": ["FAILED", "CRASHED"]}, "name": {"any_": ["Late"]}},
    }
    body = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_DESC", "limit": RUNS_SHOWN}
    return [_trouble(prefect, run) for run in prefect.post("/flow_runs/filter", body)]


def _trouble(prefect: PrefectApi, run: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": run["name"],
        "state": run["state"]["name"],
        "expected": run["expected_start_time"],
        "message": run["state"]["message"] or "",
        "url": f"{prefect.page}/runs/flow-run/{run['id']}",
    }
