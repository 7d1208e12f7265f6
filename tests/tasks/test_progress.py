"""What is being done stands on the last line of a terminal; elsewhere lines are only added."""

import io
import sys

import pytest

from tasks.progress import clear_state, doing, progress, say, show_state


class Terminal(io.StringIO):
    """A stderr that is a terminal; `screen` is what a person sees of it."""

    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> list[str]:
        return [line.rsplit("\r\x1b[K", 1)[-1] for line in self.getvalue().split("\n")]


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """In the test itself: between a fixture and its test pytest sets sys.stderr anew."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    return terminal


def test_what_is_said_stands_above_the_line_of_what_is_being_done(monkeypatch):
    terminal = terminal_for(monkeypatch)
    with doing("[6/12] pretrain"):
        say("a note")
        assert terminal.screen == ["a note", "  [6/12] pretrain …"]
        show_state("3 of 9 steps")
        assert terminal.screen[-1] == "  [6/12] pretrain: 3 of 9 steps"
        clear_state()
        assert terminal.screen[-1] == "  [6/12] pretrain …"
    assert terminal.screen == ["a note", ""]


def test_a_line_that_changes_is_never_wider_than_the_terminal(monkeypatch):
    terminal = terminal_for(monkeypatch)
    with doing("x" * 100):
        assert len(terminal.screen[-1]) < 40


def test_a_bar_says_which_step_it_belongs_to_and_leaves_that_steps_line(monkeypatch):
    terminal = terminal_for(monkeypatch)
    with doing("[2/12] signals"):
        with progress("scoring", 2, "texts") as advance:
            advance(2)
        assert "[2/12] signals: scoring" in terminal.getvalue()
        assert terminal.screen[-1].endswith("  [2/12] signals …")


def test_without_a_terminal_nothing_is_erased(monkeypatch):
    monkeypatch.setattr(sys, "stderr", out := io.StringIO())
    with doing("[6/12] pretrain"):
        say("a note")
        show_state("3 of 9 steps")
        clear_state()
    assert out.getvalue() == "a note\n"
