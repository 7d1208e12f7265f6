"""When a training process must end early: a signal, or the end of its standard input.

Whoever starts it holds the other end of that pipe. However that process dies, the kernel closes the pipe, every rank
reads the end of file, and no orphan goes on writing. Torchrun hands its own standard input to the ranks; where torchrun
itself is killed, they notice that they have another parent.
"""

import os
import signal
import stat
import threading


class Lifeline:
    """`ended` turns true once and stays so."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._parent: int | None = None

    @property
    def ended(self) -> bool:
        orphaned = self._parent is not None and os.getppid() != self._parent
        return orphaned or self._ended.is_set()

    def end(self) -> None:
        self._ended.set()

    def watch(self) -> "Lifeline":
        """Listens to SIGTERM, SIGINT and, where standard input is a pipe, to its end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.end())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))  # those that were held until now
        if _is_pipe(0):
            self._parent = os.getppid()
            threading.Thread(target=self._read_to_the_end, daemon=True).start()
        return self

    def _read_to_the_end(self) -> None:
        while os.read(0, 1):  # sys.stdin.read() in a daemon thread would abort the interpreter at its exit
            pass
        self.end()


def _is_pipe(descriptor: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:  # closed
        return False
