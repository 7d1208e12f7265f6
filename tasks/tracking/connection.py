"""The MLflow that is written to, and whether it can be now: a home's own, or a server elsewhere.

MLflow waits 20 seconds for a locked database and retries a missing one, or a server, for minutes; so their state is
queried first, which answers at once.
"""

import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tasks.home import Home
from tasks.store.locks import exclusive
from tasks.tracking.moved import settle
from tasks.tracking.server import mlflow_server

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"
REFUSALS = {  # MLflow's codes for what it will never take
    "INVALID_PARAMETER_VALUE",
    "BAD_REQUEST",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
}
DAMAGED = ("file is not a database", "malformed", "disk I/O error", "file is encrypted", "unsupported file format")
LOCK_SECONDS = 0.5  # a lock held longer than this is somebody else's work: come again later
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # of a server: what cannot be sent waits in the outbox
}


@dataclass(frozen=True)
class Connection:
    """A client, and why nothing can be written with it now (None where it can)."""

    client: "MlflowClient"
    home: Home
    away: Callable[[], str | None]


def connect(home: Home) -> Connection | str:
    """The server elsewhere, or the home's own MLflow, made where there is none; or the reason why not now."""
    if server := mlflow_server():
        return server.away() or Connection(open_client(server.url), home, server.away)
    try:
        home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
        with exclusive(home.mlflow_lock):  # two processes making the tables at once break them
            if home.mlflow_database.exists() and (reason := locked(home)):
                return reason
            if home.mlflow_database.exists():
                settle(home)
            else:
                _make_tables(home)
            client = open_client(tracking_uri(home))
            client.search_experiments(max_results=1)  # makes the tables
        return Connection(client, home, partial(_away, home, home.mlflow_database.stat().st_ino))
    except OSError as error:
        return str(error)
    except sqlite3.Error as error:
        return f"{home.mlflow_database}: {error}"


def is_damage(reason: str) -> bool:
    """Whether that is what SQLite says of a database whose bytes have changed."""
    return any(words in reason for words in DAMAGED)


def cure_for(home: Home, reason: str) -> str:
    """What to do where the home's own MLflow cannot be used for that reason."""
    if not is_damage(reason):
        return "end the program that holds it (MLflow's page?), and run again"
    database = home.mlflow_database
    return (
        f"put {database.name} back from a backup, or move {database} away: the next run makes "
        "another, and publishes its models there again"
    )


def locked(home: Home) -> str | None:
    """Why the database cannot be written at this moment; None where it can."""
    database = home.mlflow_database
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except sqlite3.Error as error:
        return f"{database}: {error}"
    return None


def tracking_uri(home: Home) -> str:
    """Of the server elsewhere, or of the home's database: absolute, whatever the working directory is."""
    server = mlflow_server()
    return server.url if server else f"sqlite:///{home.mlflow_database}"


def open_client(uri: str) -> "MlflowClient":
    """MLflow's client for what lies at that address."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    _hush()
    mlflow.set_tracking_uri(uri)  # parts of MLflow's registry read the global one
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri, uri)


def _away(home: Home, inode: int) -> str | None:
    """Why the home's own MLflow, whose database was that file, cannot be written now."""
    database = home.mlflow_database
    try:
        if database.stat().st_ino != inode:
            return f"{database} is another file than before"
    except OSError as error:
        return f"{database}: {error.strerror}"
    if not (home.mlflow_artifacts).is_dir():
        return f"{home.mlflow_artifacts} is not there"
    return locked(home)


def _make_tables(home: Home) -> None:
    """The database, made aside and renamed once whole: MLflow cannot mend one whose tables were made in part."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy import create_engine

    _hush()
    partial = home.mlflow_database.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    engine = create_engine(f"sqlite:///{partial}")
    _initialize_tables(engine)
    engine.dispose()
    partial.rename(home.mlflow_database)


def _hush() -> None:
    """Silences MLflow's announcements, and its tracebacks of each lock: what matters of them is reported here."""
    for name in ("alembic", "mlflow.pyfunc", "mlflow.store.model_registry"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
