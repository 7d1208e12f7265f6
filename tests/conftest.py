"""Fixtures for all tests, and which of them share a process when two run side by side."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# The tests that read the home in which `smoke` was run, or change a copy of it.
SHARE_A_HOME = (
    "test_smoke.py",
    "test_questions.py",
    "test_report.py",
    "test_nightly.py",
    "test_promotion.py",
    "test_mistakes.py",
    "test_states.py",
    "test_kills.py",
    "test_damage.py",
)
# Beside those of end_to_end/ and flows/.
LONG = (
    "test_training.py",
    "test_finetune.py",
    "test_publish.py",
    "test_tracker.py",
    "test_mlflow_unavailable.py",
    "test_installed.py",
)
SHARE_A_PREFECT = (
    "test_reconcile.py",
    "test_schedule.py",
    "test_prefect_server.py",
    "test_up.py",
    "test_prefect_pages.py",
)


def pytest_configure() -> None:
    """Ctrl-C works here and in what tests start, even where a shell has put pytest into the background."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest goes first."""
    items.sort(key=_turn)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByHome(config, log)


class ByHome(LoadScopeScheduling):
    """One process a file, and one for all files that share servers. (pytest 9 hides `xdist_group` from xdist 3.8.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        if file.parent.name == "serve":  # they use the same servers
            return "serve"
        if file.name in SHARE_A_PREFECT:
            return "prefect"
        return "smoke" if file.name in SHARE_A_HOME else str(file)


def _turn(item: pytest.Item) -> int:
    """0 for the tests of one home, which take longest together; 1 for the other long ones; 2."""
    if item.path.name in SHARE_A_HOME:
        return 0
    is_long = item.path.parent.name in ("end_to_end", "flows", "servers", "home", "init") or item.path.name in LONG
    return 1 if is_long else 2


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Iterator[None]:
    """Below everything else: how many tests were skipped, by reason."""
    yield
    reports = [report for report in terminalreporter.stats.get("skipped", []) if len(report.longrepr or "") == 3]
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    terminalreporter.write_line(f"{sum(reasons.values())} skipped")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5} {reason}")
