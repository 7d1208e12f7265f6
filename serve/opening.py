"""What a server answers while its first model loads: it is alive, and not ready yet.

A server of its own, on a thread of its own, at the address that the model's server takes over: whoever comes in between
waits in the listener's queue. Nothing of a request is read but its path.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from serve.api_error import ApiError

SECONDS_TO_RETRY = "2"
OWN = {"lifespan": "off", "ws": "none", "timeout_graceful_shutdown": 1}
WHY = "the model is being loaded"


@contextmanager
def answers_while_loading(listener: socket.socket, settings: dict[str, Any]) -> Iterator[None]:
    """Inside, /health answers 200 and all else 503; the listener is open before and after. `settings`: uvicorn's."""
    server = uvicorn.Server(uvicorn.Config(_answer, **settings | OWN))
    own = listener.dup()  # which uvicorn closes at its end
    thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[own])), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Retry-After": SECONDS_TO_RETRY, "Connection": "close"}
    if scope["path"] == "/health":
        response = JSONResponse({"status": "ok", "why": WHY}, headers={"Connection": "close"})
    elif scope["path"] == "/ready":
        response = JSONResponse({"status": WHY}, 503, headers)
    else:
        error = ApiError(503, f"{WHY}; try again in {SECONDS_TO_RETRY} s", "model_loading")
        response = JSONResponse(error.body, error.status, headers)
    await response(scope, receive, send)
