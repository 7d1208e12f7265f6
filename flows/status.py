"""`triptych status`: the latest run, the registered models, and what went wrong while nobody was looking."""

from pathlib import Path
from typing import Any

from flows.record import latest
from flows.schedule import missed_and_failed
from tasks.register.aliases import notice
from tasks.register.publish import publish_waiting
from tasks.tracking.registry import models
from tasks.tracking.tracker import ship


def status_of(home: Path) -> dict[str, Any]:
    """The JSON value of `status --json`; every field is there in a home without a run too."""
    record = latest(home)
    if record is None:
        return {"run": None, "recipe": None, "state": None, "seconds": 0.0, "steps": [], "models": []} | {
            "schedule": [],
            "noticed": [],
        }
    publish_waiting(home)
    waiting = ship(home)
    noticed = [f"{waiting} records wait for MLflow, which is away"] if waiting else []
    return record.as_json() | {
        "models": models(home),
        "schedule": missed_and_failed(home),
        "noticed": [*notice(home), *noticed],
    }
