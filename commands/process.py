"""A command as a process: what it tells of what went wrong, its exit code, and an end without delay."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from gc import set_threshold
from pathlib import Path
from typing import NoReturn

import typer
from pydantic import ValidationError

from tasks.errors import INTERRUPTED, UsageError, UserError, as_user_error, is_interrupt
from tasks.expected_values import mistake_in_words
from tasks.limits import end_when_a_thread_gets_no_memory, is_out_of_memory, out_of_memory


def exit_with_code(command: Callable[[], int | None]) -> NoReturn:
    """Does it and exits: a mistake of the user's is a line with a cure, never a traceback."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin slow everybody down
    end_when_a_thread_gets_no_memory()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends as Ctrl-C does: checkpoint, exit code 130
    try:
        sys.exit(command())
    except SystemExit:
        raise
    except BaseException as error:
        if isinstance(error, typer.Abort) or is_interrupt(error):
            print(INTERRUPTED, file=sys.stderr)
            sys.exit(130)
        known = as_user_error(error) if isinstance(error, OSError) else error
        if isinstance(known, UserError):
            print(f"error: {known}", file=sys.stderr)
            sys.exit(known.exit_code)
        if is_out_of_memory(error):
            print(f"error: {out_of_memory()}", file=sys.stderr)
            sys.exit(UserError.exit_code)
        _end_on_usage(error)
        raise


def run_briefly(main: Callable[[], None]) -> None:
    """Calls it in a process that it has for itself: what is imported there is never let go of.

    Python would look for garbage among a million objects again and again, and take each of them apart at the end:
    together a quarter of a run that finds all its steps complete.
    """
    set_threshold(50_000, 20, 20)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as some schedulers start a process
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    code = 1  # of a mistake of ours, whose traceback is printed before the process ends
    atexit.register(lambda: _leave(code))  # called last, since it is registered first
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


def _end_on_usage(error: BaseException) -> None:
    """Typer's own complaints about flags and arguments, printed as ours are."""
    if isinstance(refused := error.__cause__, ValidationError):  # of a flag's value, by the type that it must have
        error.message = mistake_in_words(refused.errors()[0])  # type: ignore[attr-defined]
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        if message := error.format_message():  # type: ignore[attr-defined]  # empty: no command, and the help was shown
            context = getattr(error, "ctx", None)  # of the command that refused its arguments
            path = context.command_path if context else "triptych"
            print(f"error: {message}\n  fix: {path} --help", file=sys.stderr)
        sys.exit(UsageError.exit_code if message else 0)


def _leave(code: int) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # a closed pipe, or a full disk: Python says so as it always does
        return
    os._exit(code)
