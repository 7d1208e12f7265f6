"""Errors that only the user can mend: what is wrong and where, and how to fix it."""

import errno
import os
import re

INTERRUPTED = "interrupted: what is complete is kept; the same command goes on from there"


class UserError(Exception):
    """A run that cannot go on: what is wrong and where, then what to do. Exit code 1."""

    exit_code = 1

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}\n  fix: {cure}")
        self.what, self.cure = what, cure

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str]]:
        """Comes through a process pool as it is."""
        return type(self), (self.what, self.cure)


class UsageError(UserError):
    """A bad recipe, flag or argument. Exit code 2."""

    exit_code = 2


OF_A_COPY = re.compile(r"\[Errno (\d+)\]")
NOT_WRITABLE = "choose a folder that can be written (of the home: TRIPTYCH_HOME)"
CURES = {
    errno.ENOSPC: "free some space (what is complete is kept) and run again",
    errno.EDQUOT: "raise the quota or free some space, then run again",
    errno.EMFILE: "raise the limit of open files (ulimit -n 1024) and run again",
    errno.ENFILE: "raise the machine's limit of open files (sysctl fs.file-max) and run again",
    errno.EROFS: NOT_WRITABLE,
    errno.EACCES: NOT_WRITABLE,
    errno.EPERM: NOT_WRITABLE,
}


def as_user_error(error: OSError, where: object = "") -> UserError | None:
    """The error of a failed write with its fix; None where the user cannot mend it."""
    number = error.errno
    if number is None and (
        within := OF_A_COPY.search(str(error))
    ):  # shutil's of a tree has those of its files in words
        number = int(within[1])
    if number not in CURES:
        return None
    place = error.filename or where or "what was to be written"
    return UserError(f"{place}: {os.strerror(number)}", CURES[number])


def is_interrupt(error: BaseException) -> bool:
    """Whether it is Ctrl-C, or what Ctrl-C became on its way.

    Up to Python 3.11 a class whose making is interrupted raises a RuntimeError in its place, and so may any library
    in the midst of an import.
    """
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return seen is not None


class Skipped(Exception):
    """A step that has nothing to do here, which is no failure: `raise Skipped("no labels in this corpus")`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
