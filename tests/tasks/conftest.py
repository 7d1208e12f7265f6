"""A home whose MLflow database exists already, because creating its tables takes seconds."""

import shutil
from pathlib import Path

import pytest

from tasks.home import Home
from tasks.tracking.connection import connect


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("fresh"))
    connection = connect(home)
    assert not isinstance(connection, str), connection
    return home


@pytest.fixture
def home(fresh_home: Home, tmp_path: Path) -> Home:
    shutil.copytree(fresh_home, tmp_path / "home")
    return Home(tmp_path / "home")
