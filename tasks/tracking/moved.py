"""MLflow's addresses of files, after their home was moved: they are absolute, and stand in its database."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from tasks.home import Home

ADDRESSES = {  # table → its columns that hold a path or a file:// address, alone or within JSON
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
    "datasets": ("dataset_source",),
}


def settle(home: Home) -> None:
    """After this the database names this home's own folder of artifacts, also where the home was moved by hand."""
    with closing(sqlite3.connect(f"{home.mlflow_database.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    below = f"/{home.mlflow_artifacts.name}/"
    locations = [location.removeprefix("file://") for (location,) in rows if location and below in location]
    for old in {Path(unquote(location.rpartition(below)[0])) for location in locations} - {home.path}:
        move_addresses(home.mlflow_database, old, home.path)


def move_addresses(database: Path, old: Path, new: Path) -> None:
    """Every address below the home `old` is the same below `new` then; in one transaction."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, columns in ADDRESSES.items():
            for column in columns:
                for before, after in ((old.as_uri(), new.as_uri()), (str(old), str(new))):
                    connection.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",
                        (f"{before}/", f"{after}/", f"{before}/"),
                    )
