"""What a shell completes after `triptych …`, asked as bash asks it, and what is loaded for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import triptych
from commands.complete import STEPS
from flows.graph import EVALUATE, FINETUNE
from flows.record import RunRecord, StepRecord
from tasks.home import Home
from tests.test_commands import HEAVY

WORDS = """
import os, sys, triptych
try:
    triptych.main()
except SystemExit:
    print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose latest run dropped documents for two reasons, beside a folder with a recipe."""
    metrics = {"dropped_too_short": 3.0, "dropped_near_duplicate": 5.0, "dropped_never": 0.0, "kept_bytes": 9.0}
    step = StepRecord("curate", "0" * 64, "complete", "", 1.0, None, None, metrics=metrics)
    home = Home(tmp_path / "home")
    RunRecord("20260101-000000-abcd", "mine", "complete", "2026-01-01T00:00:00", steps=(step,)).write(home)
    home.known_aliases.write_text(json.dumps({"mine-base": {"candidate": 2, "champion": 1}}))
    (tmp_path / "mine.toml").write_text('extends = "smoke"\n')
    (tmp_path / "ruff.toml").write_text("line-length = 120\n")
    return home


@pytest.mark.parametrize(
    ("typed", "completions"),
    [
        ("run m", ["mine"]),
        ("run demo --until evaluate/i", ["evaluate/instruct"]),
        ("chat ", ["mine-base@candidate", "mine-base@champion"]),
        ("chat mine-base @ ch", ["@champion"]),  # as bash breaks mine-base@ch
        ("chat mine-base @", ["@candidate", "@champion"]),
        ("chat mine-base @ champion --js", ["--json"]),
        ("rollback m", ["mine-base"]),
        ("look ", ["kept", "near_duplicate", "too_short"]),
        ("sql drop", ["drop_reasons"]),
        ("report --run ", ["20260101-000000-abcd"]),
    ],
)
def test_names_are_completed_and_no_heavy_library_is_loaded(home, typed, completions):
    done = subprocess.run(
        [sys.executable, "-c", WORDS],
        env={
            "PYTHONPATH": str(Path(triptych.__file__).parent),
            "TRIPTYCH_HOME": str(home),
            "_TRIPTYCH_COMPLETE": "complete_bash",
            "COMP_WORDS": f"triptych {typed}".replace(" ", "\n"),
            "COMP_CWORD": str(len(typed.split()) + typed.endswith(" ")),
        },
        cwd=home.path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == completions, done.stderr
    assert not {*HEAVY, "duckdb", "pyarrow"} & set(done.stderr.split())


def test_each_step_of_the_graph_can_be_completed():
    tuned = {f"{room}/{name}" for room, methods in (("finetune", FINETUNE), ("evaluate", EVALUATE)) for name in methods}
    assert {step for step in STEPS if "/" in step} == {*tuned, "evaluate/base", "seeds/evaluate"}
