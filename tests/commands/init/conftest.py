"""Forecasts that measure for a moment only."""

from pathlib import Path

import pytest

from commands.init import trial


@pytest.fixture
def short_trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short trials, in a working directory of its own."""
    monkeypatch.setattr(trial, "SIGNAL_SECONDS", 0.2)
    monkeypatch.setattr(trial, "TRAINING_SECONDS", 0.1)
    monkeypatch.chdir(tmp_path)
