"""Errors of the API, in the format that OpenAI's clients read."""

from typing import Any

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

    @property
    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}
