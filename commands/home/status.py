"""`triptych status`: the latest run, the registered models, and what went wrong while nobody was looking."""

from dataclasses import asdict
from typing import Any

from flows.headline import judged_scores
from flows.record import RunRecord, latest
from flows.report import page_of
from flows.retention import usage
from flows.servers import detached_process
from flows.servers.schedule import missed_and_failed, read_schedule
from flows.servers.up import WORKER
from flows.session import with_mlflow_ids
from tasks.errors import UserError
from tasks.home import Home
from tasks.register.aliases import audit_if_unlocked
from tasks.register.publish import publish_waiting
from tasks.store.locks import is_held
from tasks.store.verification import DamagedArtifact
from tasks.tracking.registry import models
from tasks.tracking.server import MlflowUnavailable
from tasks.tracking.tracker import ship

NO_RUN = {
    **{"run": None, "recipe": None, "state": None, "started": None, "seconds": 0.0, "steps": [], "models": []},
    **{"scores": [], "report": None},
}


def read_status(home: Home) -> dict[str, Any]:
    """The JSON value of `status --json`; every field is there in a home without a run too."""
    watched = {"schedule": missed_and_failed(home), "nightly": read_schedule(home), "disk": {}}
    noticed = _worker_notes(home)
    try:
        watched["disk"] = usage(home)
    except UserError as error:  # a damaged manifest is no reason to show nothing
        noticed.append(str(error))
    record = latest(home)
    if record is None:  # models may have been imported
        return NO_RUN | watched | _registered(home, noticed) | {"noticed": noticed}
    try:
        publish_waiting(home)
        if waiting := ship(home):
            noticed.append(f"{waiting} records wait for MLflow, which is away")
    except OSError as error:
        noticed.append(f"nothing was sent to MLflow: {error}")
    status = _current(record, home) | {"scores": _scores(record, noticed)} | watched
    return status | _registered(home, noticed) | {"noticed": noticed}


def _registered(home: Home, noticed: list[str]) -> dict[str, Any]:
    """{"models": [...]}; nothing where MLflow is away, which is noticed: they stay as the run left them."""
    try:
        registered = models(home)
        noticed[:0] = audit_if_unlocked(home)
    except MlflowUnavailable as error:
        noticed.append(f"the models are shown as the latest run left them: {error.what}")
        return {}
    return {"models": registered}


def _current(record: RunRecord, home: Home) -> dict[str, Any]:
    """The record with MLflow's ids and its page; a run whose process is gone is not running."""
    record = with_mlflow_ids(record, home)
    if record.state == "running" and not is_held(home.live / record.run):
        record = record.end("killed", "its process is gone; the same command goes on from there", "killed")
    page = page_of(home, record.run)
    return record.as_json() | {"report": str(page) if page else None}


def _scores(record: RunRecord, noticed: list[str]) -> list[dict[str, Any]]:
    """The judged scores; none where their files are damaged, which is noticed."""
    try:
        return [asdict(score) | {"beats_baseline": score.beats_baseline} for score in judged_scores(record)]
    except DamagedArtifact as error:
        noticed.append(str(error))
        return []


def _worker_notes(home: Home) -> list[str]:
    """That scheduled runs do not start, in a home where `triptych up` was run before."""
    if detached_process.recorded(home, WORKER) is None or detached_process.find(home, WORKER):
        return []
    return ["no worker is running, so scheduled runs do not start; next:  triptych up"]
