"""A home, or a target, that can only be read: what shows things shows them, what writes says what to do."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import triptych
from commands.home.status import read_status
from flows.record import RunRecord
from tasks.home import Home


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Home]:
    """A home that can only be read, by anybody."""
    home = Home(tmp_path / "home")
    RunRecord("20260101-000000-abcd", "mine", "complete", "2026-01-01T00:00:00").write(home)
    (home / "store" / "signals" / f"{'0' * 24}.partial").mkdir(parents=True)  # cut short: is somebody at it?
    for options in (["--bind"], ["-o", "remount,ro,bind"]):
        if subprocess.run(["mount", *options, home, home], capture_output=True, check=False).returncode:
            pytest.skip("mounting needs more rights than this user has")
    yield home
    subprocess.run(["umount", "-l", home], check=True)


def test_a_home_that_can_only_be_read_is_shown(read_only):
    found = read_status(read_only)
    assert (found["recipe"], found["models"]) == ("mine", [])


def test_a_command_that_writes_ends_with_1_and_a_cure(read_only, monkeypatch, capsys):
    monkeypatch.setenv("TRIPTYCH_HOME", str(read_only))
    monkeypatch.setattr(sys, "argv", ["triptych", "keys", "add", "laptop"])
    with pytest.raises(SystemExit) as ended:
        triptych.main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "Read-only file system" in told and "fix: " in told
