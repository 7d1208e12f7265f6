"""Fixtures for all tests, and which of them share a process when two run side by side."""

from pathlib import Path

import pytest

SHARES_A_HOME = {"test_smoke.py", "test_kills.py", "test_mistakes.py", "test_promotion.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process a file, and one for all that ask the home in which `smoke` was run: it takes a minute to make."""
    for item in items:
        group = "smoke" if item.path.name in SHARES_A_HOME else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of numeric oracles and real text beside the checkout, where there is one."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("no shared folder of oracles beside this checkout")
    return folder
