"""`triptych status`: the latest run, the registered models, and what went wrong while nobody was looking."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.disk import usage
from flows.record import latest
from flows.schedule import missed_and_failed
from flows.session import with_mlflow_ids
from tasks.errors import UserError
from tasks.register.aliases import look
from tasks.register.publish import publish_waiting
from tasks.tracking.live import is_alive
from tasks.tracking.registry import models
from tasks.tracking.tracker import LIVE, ship


def status_of(home: Path) -> dict[str, Any]:
    """The JSON value of `status --json`; every field is there in a home without a run too."""
    record = latest(home)
    if record is None:
        return {"run": None, "recipe": None, "state": None, "seconds": 0.0, "steps": [], "models": []} | {
            "schedule": [],
            "noticed": [],
            "disk": usage(home),
        }
    publish_waiting(home)
    waiting = ship(home)
    noticed = [f"{waiting} records wait for MLflow, which is away"] if waiting else []
    try:
        disk = usage(home)
    except UserError as error:  # a damaged manifest is no reason to show nothing
        disk = {}
        noticed.append(str(error))
    record = with_mlflow_ids(record, home)
    if record.state == "running" and not is_alive(home / LIVE, record.run):
        record = replace(record, state="killed", error="its process is gone; the same command goes on from there")
        steps = (replace(s, state="failed", reason="killed") if s.state == "running" else s for s in record.steps)
        record = replace(record, steps=tuple(steps))
    return record.as_json() | {
        "models": models(home),
        "schedule": missed_and_failed(home),
        "noticed": [*look(home), *noticed],
        "disk": disk,
    }
