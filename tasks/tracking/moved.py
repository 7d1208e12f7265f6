"""MLflow's addresses of files, after their home was moved: they are absolute, and stand in its database."""

import sqlite3
from contextlib import closing
from pathlib import Path

ADDRESSES = {  # table → its columns that hold a path or a file:// address, alone or within JSON
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
    "datasets": ("dataset_source",),
}


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
