"""A read-only home: commands that read it work, and commands that write end with a fix."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import triptych
from commands.home.forget import forget
from commands.home.status import read_status
from flows.record import RunRecord
from flows.retention import READ_ONLY, collect
from tasks.errors import UserError
from tasks.home import Home


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Home]:
    """A home on a mount that is read-only for every user."""
    home = Home(tmp_path / "home")
    RunRecord("20260101-000000-abcd", "mine", "complete", "2026-01-01T00:00:00").write(home)
    (home / "store" / "signals" / f"{'0' * 24}.partial").mkdir(parents=True)  # interrupted work, whose lock is checked
    for options in (["--bind"], ["-o", "remount,ro,bind"]):
        if subprocess.run(["mount", *options, home, home], capture_output=True, check=False).returncode:
            pytest.skip("mounting needs more rights than this user has")
    yield home
    subprocess.run(["umount", "-l", home], check=True)


def test_the_status_of_a_read_only_home_is_shown(read_only):
    status = read_status(read_only)
    assert (status["recipe"], status["models"]) == ("mine", [])


def test_a_command_that_writes_ends_with_1_and_a_fix(read_only, monkeypatch, capsys):
    monkeypatch.setenv("TRIPTYCH_HOME", str(read_only))
    monkeypatch.setattr(sys, "argv", ["triptych", "keys", "add", "laptop"])
    with pytest.raises(SystemExit) as ended:
        triptych.main()
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert "Read-only file system" in message and "fix: " in message


def test_forget_and_gc_say_that_the_home_cannot_be_written(read_only):
    with pytest.raises(UserError, match="Read-only file system"):
        forget(read_only, ["books/secret"])
    assert collect(read_only, yes=True)["notes"] == [f"{read_only}: {READ_ONLY}"]
