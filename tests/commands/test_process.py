"""How a command ends: its exit code, and what it tells."""

import subprocess
import sys
from pathlib import Path

import pytest

ENDS = """
from commands.process import exit_with_code

class Field:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt  # Python 3.11 makes a RuntimeError of it, as of any signal at this point

def within_a_class():
    class Table:
        rows = Field()

def within_a_library():
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as signal:
        raise ImportError("cannot import name 'rows'") from signal

def unrelated():
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise ImportError("cannot import name 'rows'") from None

exit_with_code(COMMAND)
"""


@pytest.mark.parametrize("command", ["within_a_class", "within_a_library"])
def test_what_ctrl_c_became_within_a_library_ends_as_ctrl_c(command):
    assert _end(command) == (130, "interrupted: what is complete is kept; the same command goes on from there")


def test_a_mistake_of_ours_is_no_interrupt():
    code, told = _end("unrelated")
    assert code == 1 and "Traceback" in told


def _end(command: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", ENDS.replace("COMMAND", command)],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    return done.returncode, done.stderr.strip()
