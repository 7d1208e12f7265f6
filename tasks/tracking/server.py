"""An MLflow server elsewhere, which TRIPTYCH_MLFLOW names; without it, MLflow is the home's own database.

Only reading is here, in plain HTTP (https://mlflow.org/docs/latest/rest-api.html); MLflow's client writes. User,
password and certificate are read from the variables that MLflow's client reads.
"""

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tasks.errors import UsageError, UserError

VARIABLE = "TRIPTYCH_MLFLOW"
PATH = "/api/2.0/mlflow/"
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 20.0
PER_PAGE = 1000
USER, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
CERTIFICATE, INSECURE = "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_INSECURE_TLS"
REFUSED = {401, 403}


class MlflowUnavailable(UserError):
    """MLflow cannot be reached or written now; the same can be tried again later."""


@dataclass(frozen=True)
class MlflowServer:
    """A server by its address."""

    url: str

    def __str__(self) -> str:
        return self.url

    def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """The answer to `GET /api/2.0/mlflow/PATH`; MlflowUnavailable where there is none."""
        import httpx  # 0.1 s, for those who have a server

        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        try:
            with httpx.Client(auth=_user(), headers=_token(), verify=self._verify(), timeout=timeout) as client:
                reply = client.get(f"{self.url}{PATH}{path}", params=parameters)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            cure = f"start it, or correct {VARIABLE}; runs go on without it, and what they record is sent later"
            raise MlflowUnavailable(f"the MLflow server {self} does not answer ({error})", cure) from error
        what = f"{self} does not answer as an MLflow server does: {reply.status_code} {reply.reason_phrase}"
        if reply.status_code in REFUSED:
            raise MlflowUnavailable(what, f"set {USER} and {PASSWORD}, or {TOKEN}, to what its owner gave you")
        try:
            return dict(reply.raise_for_status().json())
        except (httpx.HTTPStatusError, ValueError, TypeError) as error:
            cure = f"correct {VARIABLE}: it is the address of MLflow's page, without what follows #"
            raise MlflowUnavailable(what, cure) from error

    def pages(self, path: str, field: str, **parameters: str | int) -> Iterator[dict[str, Any]]:
        """The entries under `field` of all pages of a search."""
        token = ""
        while True:
            more = {"page_token": token} if token else {}
            answer = self.get(path, max_results=PER_PAGE, **parameters, **more)
            yield from answer.get(field, ())
            if not (token := answer.get("next_page_token", "")):
                return

    def check(self) -> None:
        """MlflowUnavailable where it cannot be used now."""
        self.get("experiments/search", max_results=1)

    def away(self) -> str | None:
        """Why it cannot be used now; None where it answers as MLflow does."""
        try:
            self.check()
        except MlflowUnavailable as error:
            return error.what
        return None

    def _verify(self) -> ssl.SSLContext | bool:
        """How its certificate is verified; not at all over plain HTTP, as loading the trusted ones takes time."""
        if urlsplit(self.url).scheme == "http" or os.environ.get(INSECURE, "").lower() in ("1", "true"):
            return False
        own = os.environ.get(CERTIFICATE)
        return ssl.create_default_context(cafile=own) if own else True


def mlflow_server() -> MlflowServer | None:
    """The server that TRIPTYCH_MLFLOW names; None where MLflow is the home's own."""
    url = os.environ.get(VARIABLE, "").strip().rstrip("/")
    if not url:
        return None
    if "@" in url:  # a password here would stand in logs and error messages
        raise UsageError(f"{VARIABLE} holds a user or password", f"set {USER} and {PASSWORD} instead")
    if not _is_address(url):
        raise UsageError(f"{VARIABLE}={url}: not the address of a server", "such as http://mlflow.example.org:5000")
    return MlflowServer(url)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_plain = parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:  # a port that is no number
        return False
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def _user() -> tuple[str, str] | None:
    user, password = os.environ.get(USER), os.environ.get(PASSWORD)
    return (user, password) if user and password else None


def _token() -> dict[str, str]:
    token = os.environ.get(TOKEN)
    return {"Authorization": f"Bearer {token}"} if token and not _user() else {}
