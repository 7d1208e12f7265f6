"""Cells: the tokens of all texts in an engine's memory at once. A text waits, in its turn, until there are enough."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Cells:
    def __init__(self, cells: int) -> None:
        self._free = cells
        self._waiting: deque[tuple[int, asyncio.Event]] = deque()

    @asynccontextmanager
    async def taken(self, count: int) -> AsyncIterator[None]:
        """Inside, so many are taken; `count` is at most what there are."""
        turn = (count, asyncio.Event())
        self._waiting.append(turn)
        self._call_next()
        try:
            await turn[1].wait()
            yield
        finally:
            if turn[1].is_set():
                self._free += count
            else:
                self._waiting.remove(turn)
            self._call_next()

    def _call_next(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            count, called = self._waiting.popleft()
            self._free -= count
            called.set()
