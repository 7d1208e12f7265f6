"""Slots of the engine: a few answers at once, a bounded queue, and 429 with a retry time for the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serve.api_error import ApiError

RETRY_AFTER_SECONDS = 2


class Slots:
    """Slots are given in the order of requests, and free again when the `async with` ends, however it ends."""

    def __init__(self, slots: int, queue: int, queue_seconds: float) -> None:
        self.count, self.queue, self.queue_seconds = slots, queue, queue_seconds
        self.in_use = self.waiting = 0
        self._free = asyncio.Semaphore(slots)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        await self._take()
        self.in_use += 1
        try:
            yield
        finally:
            self.in_use -= 1
            self._free.release()

    async def _take(self) -> None:
        if self._free.locked() and self.waiting >= self.queue:
            raise ApiError.busy(f"busy, and {self.waiting} requests wait already", "queue_full", RETRY_AFTER_SECONDS)
        self.waiting += 1
        try:
            async with asyncio.timeout(self.queue_seconds):
                await self._free.acquire()
        except TimeoutError:
            what = f"no slot came free within {self.queue_seconds:g} s"
            raise ApiError.busy(what, "queue_timeout", RETRY_AFTER_SECONDS) from None
        finally:
            self.waiting -= 1
