"""Progress with rate and time left: a bar on a terminal, a line now and then elsewhere. Talk goes to stderr.

On a terminal the last line shows what is being done; what is said meanwhile is written above it.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tasks.readable_numbers import seconds_in_words

SECONDS_BETWEEN_LINES = 10.0  # where stderr is no terminal
QUIET_SECONDS = 2.0  # work shorter than this says nothing there
ERASE = "\r\x1b[K"
_doing: list[str] = []  # what is being done, the innermost last: the last line of the terminal shows it


def is_terminal() -> bool:
    """Whether stderr can show a line that changes."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def say(text: str) -> None:
    """One line of talk on stderr."""
    print(f"{ERASE}{text}" if _doing else text, file=sys.stderr, flush=True)
    if _doing:
        clear_state()


@contextmanager
def doing(what: str) -> Iterator[None]:
    """While it lasts, the last line of a terminal says so: `[6/12] pretrain`."""
    if not is_terminal():
        yield
        return
    _doing.append(what)
    clear_state()
    try:
        yield
    finally:
        _doing.remove(what)
        _write_last_line("")


def show_state(state: str) -> None:
    """How far what is being done has come, on the last line of a terminal."""
    _write_last_line(": ".join([*_doing[-1:], state]))


def clear_state() -> None:
    """The last line of a terminal says again only what is being done."""
    _write_last_line(f"{_doing[-1]} …" if _doing else "")


def _write_last_line(text: str) -> None:
    if is_terminal():
        width = shutil.get_terminal_size().columns - 3  # what wraps could not be erased
        shown = f"  {text}"[:width] if text else ""
        print(f"{ERASE}{shown}", end="", file=sys.stderr, flush=True)


@contextmanager
def progress(what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """`with progress("signals", 7000, "documents") as advance: advance(100)`."""
    if is_terminal():
        with _bar(what, total, unit) as advance:
            yield advance
    else:
        yield _Lines(what, total, unit).advance


@contextmanager
def _bar(what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    _write_last_line("")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        now = "".join(_doing[-1:])
        name = now if what in now else f"{now}: {what}".removeprefix(": ")
        task = bars.add_task(f"  {name}", total=total, rate="")
        started, done = time.monotonic(), 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            rate = f"{done / max(time.monotonic() - started, 1e-6):,.0f} {unit}/s"
            bars.update(task, advance=n, rate=rate)

        yield advance
    clear_state()


class _Lines:
    def __init__(self, what: str, total: int, unit: str) -> None:
        self.what, self.total, self.unit, self.done = what, total, unit, 0
        self.started = time.monotonic()
        self.due = self.started + QUIET_SECONDS

    def advance(self, n: int) -> None:
        self.done += n
        now = time.monotonic()
        if now < self.due or self.done >= self.total:
            return
        self.due = now + SECONDS_BETWEEN_LINES
        rate = self.done / (now - self.started)
        left = seconds_in_words((self.total - self.done) / rate if rate else 0)
        say(f"  {self.what}: {self.done:,} of {self.total:,} {self.unit} · {rate:,.0f}/s · {left} left")
