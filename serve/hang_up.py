"""A client that hangs up while its answer is made: the work for it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from fastapi import Request

from serve.api_error import ApiError

T = TypeVar("T")
CLIENT_CLOSED_REQUEST = 499  # nobody reads it


async def unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """What the work gives; it is cancelled when the client hangs up first."""
    with anyio.CancelScope() as scope:
        watching = asyncio.create_task(_when_gone(request, scope.cancel))
        try:
            return await work()
        finally:
            watching.cancel()
    raise ApiError(CLIENT_CLOSED_REQUEST, "the client has hung up", "client_gone")


async def _when_gone(request: Request, then: Callable[[], None]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    then()
