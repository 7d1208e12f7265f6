"""The comparison of two implementations of the same work, as numbers, text and JSON."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import ratio
from benchmarks.ratio import NO_PEER, PAIRS, Row, compare, show

REPOSITORY = Path(__file__).parents[2]


class Clock:
    """A clock, and work that advances it by the given seconds, by the last of them from then on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now, self.order = 0.0, list[str]()
        patch.setattr(ratio.time, "perf_counter", lambda: self.now)

    def work_that_takes(self, name: str, *seconds: float):
        left = list(seconds)

        def work() -> str:
            self.order.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]
            return name

        return work


def test_a_ratio_is_the_peers_seconds_over_ours_with_the_extremes_of_the_pairs(monkeypatch):
    clock = Clock(monkeypatch)
    ours, theirs = clock.work_that_takes("ours", 2.0), clock.work_that_takes("theirs", 99.0, 6.0, 4.0, 10.0, 8.0, 2.0)
    row = compare("sorting", "a peer", ours, theirs, lambda a, b: (a, b) == ("ours", "theirs"))
    assert row == Row("sorting", "a peer", ratio=3.0, low=1.0, high=5.0, equal=True)


def test_the_first_of_a_pair_alternates_after_one_warm_up_of_each(monkeypatch):
    clock = Clock(monkeypatch)
    compare("x", "y", clock.work_that_takes("ours", 1.0), clock.work_that_takes("theirs", 1.0), lambda a, b: a == b)
    pairs = [tuple(clock.order[at : at + 2]) for at in range(2, len(clock.order), 2)]
    assert clock.order[:2] == ["ours", "theirs"] and len(pairs) == PAIRS
    assert all(one == other[::-1] for one, other in itertools.pairwise(pairs))


def test_unequal_results_are_marked_as_such(capsys):
    show(Row("sorting", "a peer", 3.0, 1.0, 5.0, equal=False), as_json=False)
    assert capsys.readouterr().out == "sorting beside a peer: 3.00 × (1.00 – 5.00), NOT EQUAL\n"


def test_json_is_one_row_a_line_in_the_shape_that_scripts_rely_on(capsys):
    show(Row("sorting", "a peer", 3.0, 1.0, 5.0, equal=True), as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    row = {"work": "sorting", "peer": "a peer", "ratio": 3.0, "low": 1.0, "high": 5.0, "equal": True}
    assert json.loads(line) == row and list(row) == ["work", *NO_PEER]


@pytest.mark.parametrize("how", [("benchmarks/steps.py",), ("-m", "benchmarks.steps")])
def test_a_benchmark_runs_as_a_file_from_anywhere_and_as_a_module(how, tmp_path):
    is_file = len(how) == 1
    command = [str(REPOSITORY / how[0])] if is_file else [*how]
    folder = tmp_path if is_file else REPOSITORY
    done = subprocess.run(
        [sys.executable, *command, "--help"], cwd=folder, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "--json" in done.stdout, done.stderr
