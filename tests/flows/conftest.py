"""One real Prefect server for all tests of this folder: a fresh one takes 12 s on an idle machine."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.servers import up
from flows.servers.prefect_server import ensure_server, environment, inherited
from tasks.home import Home

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose Prefect server runs."""
    home = Home(tmp_path_factory.mktemp("home"))
    ensure_server(home)
    yield home
    up.stop_servers(home)


@pytest.fixture(scope="session")
def empty_database(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a home's first start, for more homes: theirs would come out the same, ten seconds later."""
    path = tmp_path_factory.mktemp("database") / "prefect.db"
    with sqlite3.connect(home / "prefect" / "prefect.db") as source, sqlite3.connect(path) as target:
        source.backup(target)
    return path


@pytest.fixture(scope="session")
def another_home(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A second home beside the first, not started yet."""
    folder = tmp_path_factory.mktemp("another")
    (folder / "prefect").mkdir()
    shutil.copy(empty_database, folder / "prefect" / "prefect.db")
    home = Home(folder)
    yield home
    up.stop_servers(home)


@pytest.fixture(scope="session")
def with_prefect() -> Callable[[Home, str], subprocess.CompletedProcess[str]]:
    """`with_prefect(home, code)` runs Python code in a process that works with the home's server."""

    def run(home: Home, code: str) -> subprocess.CompletedProcess[str]:
        ensure_server(home)  # another test may have stopped it
        command = [sys.executable, "-c", code]
        settings = inherited() | environment(home)
        return subprocess.run(
            command, cwd=REPOSITORY, env=settings, capture_output=True, text=True, timeout=120, check=False
        )

    return run
