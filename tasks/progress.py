"""Progress with rate and time left: a bar on a terminal, a line now and then elsewhere. Talk goes to stderr."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS_BETWEEN_LINES = 10.0  # where stderr is no terminal
QUIET_SECONDS = 2.0  # work shorter than this says nothing there


def say(text: str) -> None:
    """One line of talk on stderr."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def progress(what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """`with progress("signals", 7000, "documents") as advance: advance(100)`."""
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
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
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=total, rate="")
        started, done = time.monotonic(), 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            rate = f"{done / max(time.monotonic() - started, 1e-6):,.0f} {unit}/s"
            bars.update(task, advance=n, rate=rate)

        yield advance


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
        left = (self.total - self.done) / rate if rate else 0
        say(f"  {self.what}: {self.done:,} of {self.total:,} {self.unit} · {rate:,.0f}/s · {left:,.0f} s left")
