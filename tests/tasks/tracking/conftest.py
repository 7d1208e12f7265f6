"""The artifact of a training, in a home whose MLflow database exists."""

from pathlib import Path

import pytest

from tasks.home import Home
from tests.tasks.tracking.mlflow_runs import make_artifact


@pytest.fixture
def artifact(home: Home) -> Path:
    return make_artifact(home)
