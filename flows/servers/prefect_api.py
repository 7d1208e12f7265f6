"""Prefect's REST interface by plain HTTP, for commands that must not wait two seconds for Prefect's own client."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.errors import UserError

TIMEOUT_SECONDS = 15.0
BUSY_SECONDS = 30.0  # Prefect answers 503 while another writer holds its sqlite database
AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class PrefectApi:
    """A home's server. What it refuses is a httpx.HTTPStatusError, for the caller knows its own request."""

    url: str  # ends with /api
    password: str  # USER:PASSWORD, which Prefect calls an auth string

    @property
    def page(self) -> str:
        """Where a person looks."""
        return self.url.removesuffix("/api")

    def get(self, path: str) -> Any:
        """The JSON answer of `GET url/path`."""
        return self._send("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._send("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._send("PATCH", path, body)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        import httpx  # 0.1 s, for the few commands that talk to a server

        user, _, password = self.password.partition(":")
        patient_until = time.monotonic() + BUSY_SECONDS
        try:
            # no certificates, which take 0.05 s to load: the home's server speaks plain HTTP on loopback
            with httpx.Client(timeout=TIMEOUT_SECONDS, verify=False, auth=(user, password)) as client:
                reply = client.request(method, f"{self.url}{path}", json=body)
                while reply.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < patient_until:
                    time.sleep(AGAIN_SECONDS)
                    reply = client.request(method, f"{self.url}{path}", json=body)
        except httpx.TransportError as error:
            raise UserError(
                f"the Prefect server does not answer ({error})", "triptych up --stop, then run again"
            ) from error
        reply.raise_for_status()
        return reply.json() if reply.content else None
