"""Two ways to do the same work, timed in turn in one process: their ratio with its interval, and whether they agree."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

PAIRS = 5
NO_PEER = dict.fromkeys(("peer", "ratio", "low", "high", "equal"))  # in a row that measures this project alone


@dataclass(frozen=True)
class Row:
    """`ratio` is the peer's seconds over ours: above 1 we are faster; `low` and `high` are the pairs' extremes."""

    work: str
    peer: str
    ratio: float
    low: float
    high: float
    equal: bool


def compare(
    work: str, peer: str, ours: Callable[[], Any], theirs: Callable[[], Any], equal: Callable[[Any, Any], bool]
) -> Row:
    """The median ratio over pairs of runs, which take turns to go first; one run of each before only warms up."""
    is_equal = equal(ours(), theirs())
    ratios = []
    for number in range(PAIRS):
        order = (ours, theirs) if number % 2 else (theirs, ours)
        seconds = {run: _seconds(run) for run in order}
        ratios.append(seconds[theirs] / seconds[ours])
    median, low, high = (round(ratio, 2) for ratio in (statistics.median(ratios), min(ratios), max(ratios)))
    return Row(work, peer, median, low, high, is_equal)


def show(row: Row, as_json: bool) -> None:
    """The row on stdout."""
    line = f"{row.work} beside {row.peer}: {row.ratio:.2f} × ({row.low:.2f} – {row.high:.2f}), "
    print(json.dumps(asdict(row)) if as_json else line + ("equal" if row.equal else "NOT EQUAL"))


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
