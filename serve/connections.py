"""Connections, limited: in number, in the time that a request's head may take, and in how long an answer stays unread.

uvicorn limits none of these: `limit_concurrency` counts requests whose head is complete, and its only timer runs
between two requests. Where all connections are in use, a new one takes the place of the one that has waited longest
without a request, so that slow or idle clients keep nobody out. A client that does not read what it asked for holds a
slot of the engine: when nothing more can be written for `write_seconds`, its connection ends and the slot is free.
"""

import resource
import time
from asyncio import AbstractEventLoop, BaseTransport, TimerHandle, Transport
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from serve.limits import Limits
from tasks.progress import say

FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
SECONDS_BETWEEN_NOTICES = 60.0


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 on one connection; set `limits` in a subclass (`with_limits`)."""

    limits: Limits
    connections_at_most: int

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(cast(Transport, transport))
        self._waits_since, self._head_timer = time.monotonic(), cast(TimerHandle | None, None)
        self._write_timer = cast(TimerHandle | None, None)
        if len(self.connections) > self.connections_at_most and not self._make_room():
            self.transport.write(FULL)
            self.transport.close()
        self._time_the_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._time_the_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._waits_since = time.monotonic()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.limits.write_seconds, self._end_unread)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_write_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_timer()
        self._end_write_timer()
        super().connection_lost(exc)

    @property
    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _make_room(self) -> bool:
        """Ends the connection that has waited longest; False where each but this one has a request."""
        others = [other for other in self.connections if isinstance(other, LimitedProtocol) and other is not self]
        waiting = [other for other in others if not other._has_request]
        if waiting:
            longest = min(waiting, key=lambda other: other._waits_since)
            self.connections.discard(longest)
            longest.transport.abort()
        return bool(waiting)

    def _time_the_head(self) -> None:
        """Starts the timer at the first byte of a head or at the connection, and ends it when the head is complete."""
        if self._has_request:
            self._end_timer()
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self.limits.head_seconds, self.transport.abort)

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_unread(self) -> None:
        address = self.client[0] if self.client else "a client"
        say(f"{address} has read nothing of its answer for {self.limits.write_seconds:g} s: its connection is ended")
        self.transport.abort()

    def _end_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def with_limits(limits: Limits) -> type[LimitedProtocol]:
    """The protocol of one server. At most half of the files that the process may open are connections."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = limits.connections if open_files == resource.RLIM_INFINITY else min(limits.connections, open_files // 2)
    return type("Limited", (LimitedProtocol,), {"limits": limits, "connections_at_most": most})


def accept_failures_reported_once() -> Callable[[AbstractEventLoop, dict[str, Any]], None]:
    """An exception handler for the event loop: asyncio reports each connection that it could not accept by itself."""
    reported = float("-inf")

    def handle(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal reported
        if "socket.accept()" not in context.get("message", ""):
            loop.default_exception_handler(context)
        elif time.monotonic() > reported + SECONDS_BETWEEN_NOTICES:
            reported = time.monotonic()
            say(f"no further connection can be accepted: {context.get('exception')}; raise `ulimit -n`")

    return handle
