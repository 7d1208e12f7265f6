"""Prefect's REST interface in plain HTTP, for commands that must not wait two seconds for Prefect's own client."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from tasks.errors import UserError

TIMEOUT_SECONDS = 15.0
BUSY_SECONDS = 30.0  # Prefect answers 503 while another writer holds its sqlite database
AGAIN_SECONDS = 0.5
BUSY = 503


def get(url: str, path: str) -> Any:
    """The JSON answer of `GET url/path`; urllib.error.HTTPError where it is not there."""
    return _send("GET", f"{url}{path}", None)


def post(url: str, path: str, body: Mapping[str, Any]) -> Any:
    return _send("POST", f"{url}{path}", body)


def patch(url: str, path: str, body: Mapping[str, Any]) -> Any:
    return _send("PATCH", f"{url}{path}", body)


def _send(method: str, address: str, body: Mapping[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
    patient_until = time.monotonic() + BUSY_SECONDS
    while (answer := _answer(request, last=time.monotonic() > patient_until)) is None:
        time.sleep(AGAIN_SECONDS)
    return json.loads(answer) if answer else None


def _answer(request: urllib.request.Request, last: bool) -> bytes | None:
    """What the server says; None where it is busy, unless this was the last try."""
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:
            return reply.read()
    except urllib.error.HTTPError as error:
        if error.code == BUSY and not last:
            return None
        raise  # the server has answered: the caller knows its own request
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise UserError(
            f"the Prefect server does not answer ({error})", "triptych up --stop, then run again"
        ) from error
