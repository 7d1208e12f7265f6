"""Work in several processes, none of which outlives the one that started it.

datatrove's own executor uses multiprocessing.Pool, which waits for ever for a worker that was killed.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tasks.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def fan_out(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """`work` of every item, in order; a UserError raised by it, or for a worker that was killed, ends all of them."""
    spawn = multiprocessing.get_context("spawn")
    count = min(workers, len(items))
    with ProcessPoolExecutor(count, mp_context=spawn, initializer=live_with_parent) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool as broken:
            cure = "run again; where memory ran out, with fewer workers (--set ingest.workers=1)"
            raise UserError("a worker process was killed", cure) from broken
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def live_with_parent() -> None:
    """Ctrl-C is the parent's to handle; when the parent is gone, by whatever signal, this process goes too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
