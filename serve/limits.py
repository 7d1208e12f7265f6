"""Limits of one server: size, time and rate of requests."""

import math
import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serve.api_error import ApiError
from tasks.errors import UsageError


class Limits(BaseModel):
    """`triptych serve --set NAME=VALUE`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: int = Field(1_000_000, ge=1)  # of a request; more is a 413
    body_seconds: float = Field(10.0, gt=0)  # until a request has arrived whole
    answer_tokens: int = Field(4096, ge=1)  # the most that `max_tokens` may say, within the model's context
    default_tokens: int = Field(512, ge=1)  # where a request says nothing
    answer_seconds: float = Field(300.0, gt=0)  # then an answer ends as if its tokens were used up
    slots: int = Field(2, ge=1)  # answers made side by side
    queue: int = Field(32, ge=0)  # requests that wait for a slot; one more is a 429
    queue_seconds: float = Field(60.0, gt=0)  # that a request waits at most, then it is a 429 too
    requests_per_minute: int = Field(600, ge=1)  # per key, or per address where no key is required; more is a 429


def limits(changes: Sequence[str]) -> Limits:
    """The defaults with `NAME=VALUE` changes; UsageError with all mistakes at once."""
    pairs = [change.partition("=") for change in changes]
    try:
        return Limits.model_validate({name.strip(): value.strip() for name, _, value in pairs})
    except ValidationError as error:
        wrong = "; ".join(_mistake(str(e["loc"][0]), e["type"], e["input"], e["msg"]) for e in error.errors())
        raise UsageError(f"--set: {wrong}", f"there are: {', '.join(Limits.model_fields)}") from error


class Rate:
    """A token bucket per client: a minute's requests at once, refilled at the same rate."""

    def __init__(self, requests_per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity, self.per_second, self.clock = requests_per_minute, requests_per_minute / 60, clock
        self._left: dict[str, tuple[float, float]] = {}  # client → what was left, and when

    def count(self, client: str) -> None:
        """Takes one; ApiError with the seconds until there is one again."""
        now = self.clock()
        left, then = self._left.get(client, (float(self.capacity), now))
        left = min(self.capacity, left + (now - then) * self.per_second)
        if left < 1:
            wait = math.ceil((1 - left) / self.per_second)
            raise ApiError.busy(f"more than {self.capacity} requests a minute", "rate_limit_exceeded", wait)
        self._left[client] = (left - 1, now)


def _mistake(name: str, kind: str, value: object, message: str) -> str:
    if kind != "extra_forbidden":
        return f"{name}={value}: {message}"
    near = get_close_matches(name, Limits.model_fields, n=1)
    return f"{name}: no such limit" + (f"; did you mean {near[0]}?" if near else "")
