"""Errors of the API, in the format that OpenAI's clients read."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """A status, a sentence for people, a code for programs, and the field that it is about."""

    def __init__(self, status: int, message: str, code: str, param: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @classmethod
    def busy(cls, message: str, code: str, wait_seconds: int) -> "ApiError":
        return cls(429, f"{message}; try again in {wait_seconds} s", code, Retry_After=str(wait_seconds))

    @classmethod
    def internal(cls) -> "ApiError":
        return cls(500, "the server failed; its log says why", "internal_error")

    @classmethod
    def no_model(cls, name: str, there: Iterable[str]) -> "ApiError":
        return cls(404, f"no model {name!r} here; there is {', '.join(there)}", "model_not_found", "model")

    @property
    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def handle_errors(app: FastAPI) -> None:
    """Every error response of the app has the same shape."""

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Response:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def not_found(request: Request, error: HTTPException) -> Response:
        message = f"{request.method} {request.url.path}: {error.detail}"
        if error.status_code == 404 and (near := _nearest(request.url.path, app)):
            message += f"; did you mean {near}? The base URL of a client ends with /v1"
        refusal = ApiError(error.status_code, message, "invalid_request")
        return JSONResponse(refusal.body, refusal.status, error.headers)

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        refusal = ApiError.internal()
        return JSONResponse(refusal.body, refusal.status)


def _nearest(path: str, app: FastAPI) -> str | None:
    """The endpoint of the API that the path is without its /v1 or with two, else one that is written like it."""
    paths = [route.path for route in app.routes if isinstance(route, Route) and route.path.startswith("/v1/")]
    ending = path.rstrip("/").removeprefix("/v1").removeprefix("/v1")
    if f"/v1{ending}" in paths:
        return f"/v1{ending}"
    return next(iter(get_close_matches(path[:200], paths, n=1, cutoff=0.7)), None)
