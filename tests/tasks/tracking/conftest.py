"""The artifact of a training, in a home whose MLflow database exists."""

from pathlib import Path

import pytest

from tasks.home import Home
from tests.tasks.register.conftest import make_package
from tests.tasks.tracking.mlflow_runs import make_artifact

__all__ = ["artifact", "make_package"]


@pytest.fixture
def artifact(home: Home) -> Path:
    return make_artifact(home)
