"""Prefect's REST interface by plain HTTP, for commands that must not wait two seconds for Prefect's own client."""

import time
from collections.abc import Mapping
from typing import Any

from tasks.errors import UserError

TIMEOUT_SECONDS = 15.0
BUSY_SECONDS = 30.0  # Prefect answers 503 while another writer holds its sqlite database
AGAIN_SECONDS = 0.5


def get(url: str, path: str) -> Any:
    """The JSON answer of `GET url/path`; httpx.HTTPStatusError where the server refuses."""
    return _send("GET", f"{url}{path}", None)


def post(url: str, path: str, body: Mapping[str, Any]) -> Any:
    return _send("POST", f"{url}{path}", body)


def patch(url: str, path: str, body: Mapping[str, Any]) -> Any:
    return _send("PATCH", f"{url}{path}", body)


def _send(method: str, address: str, body: Mapping[str, Any] | None) -> Any:
    import httpx  # 0.1 s, for the few commands that talk to a server

    patient_until = time.monotonic() + BUSY_SECONDS
    try:
        # no certificates, which take 0.05 s to load: the home's server speaks plain HTTP on loopback
        with httpx.Client(timeout=TIMEOUT_SECONDS, verify=False) as client:
            reply = client.request(method, address, json=body)
            while reply.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < patient_until:
                time.sleep(AGAIN_SECONDS)
                reply = client.request(method, address, json=body)
    except httpx.TransportError as error:
        raise UserError(
            f"the Prefect server does not answer ({error})", "triptych up --stop, then run again"
        ) from error
    reply.raise_for_status()  # the server has answered: the caller knows its own request
    return reply.json() if reply.content else None
