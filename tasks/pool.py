"""Work in several processes of this machine, none of which outlives the process that started it.

datatrove's own executor uses multiprocessing.Pool, which waits for ever for a worker that was killed.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeVar

from tasks.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerKilled(UserError):
    """A worker process ended without a result: killed by somebody, or by the system for want of memory."""


@dataclass(frozen=True)
class Pool:
    """Up to `workers` processes; a single worker is the calling process, as another takes seconds to start."""

    workers: int
    setting: str  # the recipe's key of their number, such as "ingest.workers": advice where memory runs out
    blocked_modules: tuple[str, ...] = ()  # cannot be imported in a worker: large optional ones that the work can spare

    def map(self, work: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None) -> Iterator[Result]:
        """The result of `work` for every item, in order; the first error ends all of it, running work too.

        Items are taken from the iterable as results are consumed, `ahead` of them before their results; None: all.
        Raises WorkerKilled as soon as a worker is gone.
        """
        if self.workers < 2:
            yield from map(work, items)
            return
        spawn = multiprocessing.get_context("spawn")
        lifeline, held = spawn.Pipe(duplex=False)  # workers end when `held` is closed, by whatever end of this process
        processes = ProcessPoolExecutor(self.workers, spawn, _begin_worker, (lifeline, self.blocked_modules))
        with lifeline, held, processes:
            pending = deque[Future[Result]]()
            try:
                for item in items:
                    pending.append(processes.submit(work, item))
                    if ahead is not None and len(pending) > ahead:
                        yield pending.popleft().result()
                processes.submit(int)  # the executor watches the processes that had begun at the submission before
                while pending:
                    yield pending.popleft().result()
            except BrokenProcessPool as error:
                cure = f"run again; if memory ran out, with fewer workers (--set {self.setting}=1)"
                raise WorkerKilled("a worker process was killed", cure) from error
            except BaseException:  # a generator that is closed half-way ends here too
                held.close()
                raise


def _begin_worker(lifeline: Connection, blocked_modules: tuple[str, ...]) -> None:
    """Ctrl-C is the parent's to handle; when the other end of the lifeline is closed, this process ends."""
    for name in blocked_modules:
        sys.modules[name] = None  # pyright: ignore[reportArgumentType]  an import of it is an ImportError
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        lifeline.poll(None)  # nothing is ever sent: the end of the file is all that can arrive
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
