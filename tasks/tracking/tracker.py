"""The tracker of a run: it records events, never waits and never fails, and a thread ships them to MLflow.

All events go through the outbox, so an unavailable MLflow changes no result: what was not shipped in this run is
shipped by the next command.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tasks.home import Home
from tasks.progress import say
from tasks.store.locks import exclusive, is_held
from tasks.tracking.connection import REFUSALS, Connection, connect, is_damage
from tasks.tracking.outbox import Outbox
from tasks.tracking.runs import (
    PipelineEnd,
    PipelineRun,
    StepRun,
    attach,
    close_killed,
    close_pipeline,
    close_step,
    open_pipeline,
    open_step,
)
from tasks.tracking.series import ship_series
from tasks.tracking.server import mlflow_server

AGAIN_SECONDS = 2.0  # after MLflow was unavailable
CLOSING_SECONDS = 0.1  # between tries at the end of a run, while another process ships from this outbox
FOLLOW_SECONDS = 5.0  # between looks at a growing metrics.jsonl


class Shipper:
    """Sends the outbox to MLflow, in order, and stops at the first event that cannot go now."""

    def __init__(self, home: Home) -> None:
        self.home, self.outbox = home, Outbox(home)
        self.connection: Connection | None = None
        self.away: str | None = None  # why MLflow could not be written at the last attempt

    def ship(self) -> bool:
        """True where nothing waits any more."""
        with self.outbox.exclusive() as alone:
            if not alone:
                return False
            for path in self.outbox.waiting():
                if not self._ship_one(path):
                    return False
        self.away = None
        return True

    def follow(self, pipeline: PipelineRun, label: str, started: float, path: Path) -> None:
        """Sends the new lines of a growing metrics.jsonl; where that fails, a later call sends them."""

        def send(connection: Connection) -> str:
            run = open_step(connection.client, pipeline, label, started)
            ship_series(connection.client, run, path, path.name)
            return run.info.run_id

        with self.outbox.exclusive() as alone:
            if alone:
                self._try(send, f"{pipeline.run}/{label}")

    def _ship_one(self, path: Path) -> bool:
        event = json.loads(path.read_bytes())
        if not self._try(lambda connection: _apply(connection, event), event["id"], path):
            return False
        path.unlink(missing_ok=True)
        return True

    def _try(self, send: Any, our_id: str, path: Path | None = None) -> bool:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if not (connection := self._connected()):
                return False
            mlflow_run_id = send(connection)
        except MlflowException as error:
            if path and error.error_code in REFUSALS and not is_damage(str(error)):
                self.outbox.refuse(path, str(error))
                say(f"  MLflow rejected {our_id} ({error}); it is kept in {self.outbox.folder / 'refused'}")
                return True
            self.away = str(error)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            self.away = str(error)
        else:
            if self.outbox.ids().get(our_id) != mlflow_run_id:
                self.outbox.note(our_id, mlflow_run_id)
            return True
        return False

    def _connected(self) -> Connection | None:
        if self.connection is None:
            made = connect(self.home)
            if isinstance(made, str):
                self.away = made
                return None
            self.connection = made
        self.away = self.connection.away()
        return None if self.away else self.connection


class Tracker:
    """One run's events. `with Tracker(home, pipeline) as tracker:`; no method waits but `mlflow_run_id` and the end."""

    def __init__(self, home: Home, pipeline: PipelineRun) -> None:
        self.pipeline, self.shipper = pipeline, Shipper(home)
        self._alive = ExitStack()
        self._alive.enter_context(exclusive(home.live / pipeline.run))
        self._followed: dict[str, tuple[float, Path]] = {}
        self._changed = threading.Condition()
        self._wanted, self._stopping = True, False
        self._put("begin", pipeline.run, {})
        self._thread = threading.Thread(target=self._work, name="mlflow-shipper", daemon=True)
        self._thread.start()

    def step(self, step: StepRun) -> None:
        """A step is done, whatever its state."""
        self._followed.pop(step.label, None)
        self._put("step", step.id, {"step": step.model_dump(mode="json")})

    def follow(self, label: str, started: float, metrics: Path) -> None:
        """Ships a training's metrics while it runs, until its `step` is recorded."""
        self._followed[label] = (started, metrics)
        self._wake()

    def end(self, end: PipelineEnd) -> None:
        """The run is over."""
        self._put("end", self.pipeline.run, {"end": end.model_dump()})

    def mlflow_run_id(self, label: str = "", seconds: float = 1.0) -> str | None:
        """MLflow's id of that step's run (of the whole run: ""); None where MLflow does not have it in time."""
        our_id = f"{self.pipeline.run}/{label}" if label else self.pipeline.run
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (run_id := self.shipper.outbox.ids().get(our_id)):
                left = deadline - time.monotonic()
                if left <= 0 or self.shipper.away:
                    return None
                self._changed.wait(left)
        return run_id

    def close(self, seconds: float = 2.0) -> int:
        """Waits that long for the outbox to empty; how many events are left for the next command."""
        with self._changed:
            self._stopping = self._wanted = True
            self._changed.notify_all()
        self._thread.join(seconds)
        return len(self.shipper.outbox.waiting())

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        (self.shipper.home.live / self.pipeline.run).unlink(missing_ok=True)
        self._alive.close()

    def _put(self, kind: str, our_id: str, event: dict[str, Any]) -> None:
        try:
            self.shipper.outbox.put({"kind": kind, "id": our_id, "pipeline": self.pipeline.model_dump(), **event})
        except OSError as error:
            say(f"  MLflow will not show {our_id}: {error}")
        self._wake()

    def _wake(self) -> None:
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def _work(self) -> None:
        empty = True
        while True:
            with self._changed:
                if not self._wanted:
                    if self._stopping and (empty or self.shipper.away):
                        return
                    self._changed.wait(self._seconds_to_wait(empty))
                self._wanted = False
            empty = self.shipper.ship()
            for label, (started, metrics) in list(self._followed.items()):
                self.shipper.follow(self.pipeline, label, started, metrics)
            with self._changed:
                self._changed.notify_all()

    def _seconds_to_wait(self, empty: bool) -> float | None:
        if self._stopping:
            return CLOSING_SECONDS
        if self._followed:
            return FOLLOW_SECONDS
        return None if empty else AGAIN_SECONDS


def attach_file(home: Home, pipeline: PipelineRun, file: Path) -> None:
    """Adds a file of the home to what MLflow shows of a run: now, or once MLflow is there."""
    event = {"kind": "file", "id": f"{pipeline.run}/{file.name}", "pipeline": pipeline.model_dump()}
    try:
        Outbox(home).put({**event, "file": str(file.relative_to(home))})
    except OSError as error:
        say(f"  MLflow will not show {file}: {error}")
    ship(home)


def ship(home: Home) -> int:
    """Sends what earlier runs left in the outbox; how many events still wait. Imports MLflow only where some do."""
    shipper = Shipper(home)
    if shipper.outbox.waiting():
        shipper.ship()
    return len(shipper.outbox.waiting())


def _apply(connection: Connection, event: Mapping[str, Any]) -> str:
    pipeline, client = PipelineRun.model_validate(event["pipeline"]), connection.client
    if event["kind"] == "step":
        step = StepRun.model_validate(event["step"])
        return close_step(client, step.located(connection.home)).info.run_id
    if event["kind"] == "end":
        earlier = {name: event.get(name) for name in ("state", "seconds", "metrics")}  # an older version's event
        given = event.get("end") or earlier
        return close_pipeline(client, pipeline, PipelineEnd.model_validate(given)).info.run_id
    if event["kind"] == "file":
        return attach(client, pipeline, connection.home.path / event["file"]).info.run_id
    close_killed(client, lambda run: _is_killed(connection.home, run))
    return open_pipeline(client, pipeline).info.run_id


def _is_killed(home: Home, run: str) -> bool:
    """Whether its process is gone. A server elsewhere has runs of other homes too, of which nothing is known here."""
    live = home.live / run
    return not is_held(live) and (live.exists() or mlflow_server() is None)
