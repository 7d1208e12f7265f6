"""Fixtures for all tests, and which of them share a process when two run side by side."""

from pathlib import Path

import pytest

SHARE_A_HOME = (
    "test_smoke.py",
    "test_questions.py",
    "test_report.py",
    "test_promotion.py",
    "test_mistakes.py",
)  # in this order: the first finds it as made


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process a file, and one for all that ask the home in which `smoke` was run; what takes longest goes first."""
    items.sort(key=_turn)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("smoke" if item.path.name in SHARE_A_HOME else str(item.path)))


def _turn(item: pytest.Item) -> int:
    if item.path.name in SHARE_A_HOME:
        return SHARE_A_HOME.index(item.path.name)
    return len(SHARE_A_HOME) + (item.path.parent.name not in ("end_to_end", "flows"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of numeric oracles and real text beside the checkout, where there is one."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("no shared folder of oracles beside this checkout")
    return folder
