"""A request's body and prompt, prepared off the event loop and bounded: other clients do not wait for a bad body."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from pydantic import ValidationError

from serve.api_error import ApiError
from serve.requests import RequestModel
from tasks.errors import UserError
from tasks.expected_values import mistake_in_words

R = TypeVar("R", bound=RequestModel)
T = TypeVar("T")
MAX_MISTAKES = 3
THREADS = 2


class Parser:
    """Bodies become requests, and prompts token ids, in a few threads of their own."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(THREADS)

    async def parse(self, request: Request, kind: type[R]) -> R:
        """The body as a request; ApiError names its first mistakes."""
        body = await request.body()
        if not _is_json(request.headers.get("content-type", "")):
            raise ApiError(400, "body: not a JSON object sent as application/json", "invalid_request")
        return await self.run(lambda: _parsed(body, kind))

    async def parse_object(self, request: Request) -> dict[str, Any]:
        """The body as an object whose fields another server judges."""
        body = await request.body()
        try:
            content = json.loads(body) if _is_json(request.headers.get("content-type", "")) else None
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise ApiError(400, "body: not a JSON object sent as application/json", "invalid_request")
        return content

    async def prompt(self, build: Callable[[], T]) -> T:
        """The prompt that is built; ApiError with the reason where the model cannot have one of such turns."""
        try:
            return await self.run(build)
        except UserError as error:
            message = f"{error.what}; {error.cure}"
            raise ApiError(400, message, "unsupported_chat_template", "messages") from error

    async def run(self, work: Callable[[], T]) -> T:
        """What the work gives."""
        return await to_thread.run_sync(work, limiter=self._threads)


def _parsed(body: bytes, kind: type[R]) -> R:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)[:MAX_MISTAKES]
        named = [_mistake(dict(mistake)) for mistake in mistakes]
        message = "; ".join(f"{field or 'body'}: {what}" for field, what in named)
        raise ApiError(400, message, "invalid_request", named[0][0] or None) from None


def _mistake(error: dict[str, Any]) -> tuple[str, str]:
    """The field, "" for the body as a whole, and what is wrong with it."""
    if error["type"] == "json_invalid":
        return "", f"not JSON ({error['ctx']['error']})"
    if error["type"] == "model_type" and not error["loc"]:
        return "", "not a JSON object sent as application/json"
    what = "no such field" if error["type"] == "extra_forbidden" else mistake_in_words(error)
    return ".".join(map(str, error["loc"])), what


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
