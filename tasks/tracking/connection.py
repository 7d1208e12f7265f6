"""A home's MLflow: `mlflow.db` and `mlflow-artifacts/`, and whether they can be written now.

MLflow waits 20 seconds for a locked database and retries a missing one for minutes; so sqlite is
queried for its state first, which answers at once.
"""

import logging
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.home import Home
from tasks.store.locks import exclusive
from tasks.tracking.moved import settle

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"
LOCK_SECONDS = 0.5  # a lock held longer than this is somebody else's work: come again later
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@dataclass(frozen=True)
class Connection:
    """A client, and the database file that it has open."""

    client: "MlflowClient"
    home: Home
    inode: int

    def away(self) -> str | None:
        """Why nothing can be written now; None where it can."""
        database = self.home.mlflow_database
        try:
            if database.stat().st_ino != self.inode:
                return f"{database} is another file than before"
        except OSError as error:
            return f"{database}: {error.strerror}"
        if not (self.home.mlflow_artifacts).is_dir():
            return f"{self.home.mlflow_artifacts} is not there"
        return locked(self.home)


def connect(home: Home) -> Connection | str:
    """The home's MLflow, made where there is none; or the reason why not now."""
    try:
        home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
        with exclusive(home.mlflow_lock):  # two processes making the tables at once break them
            if home.mlflow_database.exists() and (reason := locked(home)):
                return reason
            if home.mlflow_database.exists():
                settle(home)
            else:
                _make_tables(home)
            client = _client(home)
            client.search_experiments(max_results=1)  # makes the tables
        return Connection(client, home, home.mlflow_database.stat().st_ino)
    except OSError as error:
        return str(error)


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
    """Absolute: a relative one would name another database in another working directory."""
    return f"sqlite:///{home.mlflow_database}"


def _make_tables(home: Home) -> None:
    """The database, made aside and renamed once whole: MLflow cannot mend one whose tables were made in part."""
    for name, value in QUIET.items():
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


def _client(home: Home) -> "MlflowClient":
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow

    _hush()
    mlflow.set_tracking_uri(tracking_uri(home))  # parts of MLflow's registry read the global one
    mlflow.set_registry_uri(tracking_uri(home))
    return mlflow.MlflowClient(tracking_uri(home), tracking_uri(home))


def _hush() -> None:
    """Silences MLflow's announcements, and its tracebacks of each lock: what matters of them is reported here."""
    for name, level in {"alembic": logging.WARNING, "mlflow.pyfunc": logging.WARNING}.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
