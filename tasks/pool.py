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
    setting: (
        str  # the recipe's key of their number, such as "ingest.workers": where memory runs out, it is to be lowered
    )
    blocked_modules: tuple[str, ...] = ()  # cannot be imported in a worker: large optional ones that the work can spare

    def map(self, work: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None) -> Iterator[Result]:
        """The result of `work` for every item, in order; the first error ends all of it.

        Items are taken from the iterable as results are consumed, `ahead` of them before their results; None: all.
        Raises WorkerKilled as soon as a worker is gone.
        """
        if self.workers < 2:
            yield from map(work, items)
            return
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, spawn, _begin_worker, (self.blocked_modules,)) as processes:
            pending = deque[Future[Result]]()
            try:
                for item in items:
                    pending.append(processes.submit(work, item))
                    if ahead is not None and len(pending) > ahead:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            except BrokenProcessPool as error:
                cure = f"run again; if memory ran out, with fewer workers (--set {self.setting}=1)"
                raise WorkerKilled("a worker process was killed", cure) from error
            finally:
                processes.shutdown(wait=False, cancel_futures=True)


def _begin_worker(blocked_modules: tuple[str, ...]) -> None:
    """Ctrl-C is the parent's to handle; when the parent is gone, by whatever signal, this process goes too."""
    for name in blocked_modules:
        sys.modules[name] = None  # pyright: ignore[reportArgumentType]  an import of it is an ImportError
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
