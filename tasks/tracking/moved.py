"""MLflow's database after its home was moved: the paths of files in it are absolute."""

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
    """Rewrites the paths of a home that was moved by hand, so that all lie below where it is now."""
    with closing(sqlite3.connect(f"{home.mlflow_database.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    below = f"/{home.mlflow_artifacts.name}/"
    locations = [location.removeprefix("file://") for (location,) in rows if location and below in location]
    for old in {Path(unquote(location.rpartition(below)[0])) for location in locations} - {home.path}:
        move_addresses(home.mlflow_database, old, home.path)


def move_addresses(database: Path, old: Path, new: Path) -> None:
    """Rewrites every path below the home `old` to the same below `new`, in one transaction."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, columns in ADDRESSES.items():
            for column in columns:
                for before, after in ((old.as_uri(), new.as_uri()), (str(old), str(new))):
                    connection.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",
                        (f"{before}/", f"{after}/", f"{before}/"),
                    )
