"""Limits of one server: size, time and rate of requests."""

import math
import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from serve.api_error import ApiError
from tasks.errors import UsageError
from tasks.expected_values import mistake_in_words


class Limits(BaseModel):
    """`triptych serve --set NAME=VALUE`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: int = Field(1_000_000, ge=1)  # of a request; more is a 413
    body_seconds: float = Field(10.0, gt=0)  # until a request has arrived whole
    head_seconds: float = Field(10.0, gt=0)  # until a request's line and headers have arrived
    write_seconds: float = Field(30.0, gt=0)  # that a client may leave its answer unread; then its connection ends
    connections: int = Field(512, ge=1)  # open at once, within half of what `ulimit -n` allows
    answer_tokens: int = Field(4096, ge=1)  # the most that `max_tokens` may say, within the model's context
    default_tokens: int = Field(512, ge=1)  # where a request says nothing
    answer_seconds: float = Field(300.0, gt=0)  # then an answer ends as if its tokens were used up
    models: int = Field(3, ge=1)  # in memory: the one served, and others of the registry; 1: no others
    slots: int | None = Field(None, ge=1)  # answers made side by side; by default 16 with llama.cpp, 2 with the decoder
    cache_gb: float = Field(1.0, gt=0)  # of keys and values of the texts in work, for each model on llama.cpp
    queue: int = Field(32, ge=0)  # requests that wait for a slot; one more is a 429
    queue_seconds: float = Field(60.0, gt=0)  # that a request waits at most, then it is a 429 too
    feedback_mb: float = Field(1000.0, gt=0)  # of all feedback that a home keeps; more is a 507
    wrong_keys_per_minute: int = Field(60, ge=1)  # per address; one more is a 429
    requests_per_minute: int = Field(600, ge=1)  # per key, or per address where no key is required; more is a 429


def limits(changes: Sequence[str]) -> Limits:
    """The defaults with `NAME=VALUE` changes; UsageError with all mistakes at once."""
    pairs = [change.partition("=") for change in changes]
    try:
        return Limits.model_validate({name.strip(): value.strip() for name, _, value in pairs})
    except ValidationError as error:
        wrong = "; ".join(map(_mistake, error.errors()))
        raise UsageError(f"--set: {wrong}", f"there are: {', '.join(Limits.model_fields)}") from error


class Rate:
    """A token bucket per client: a minute's requests at once, refilled at the same rate."""

    def __init__(self, per_minute: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity, self.per_second, self.what, self.clock = per_minute, per_minute / 60, what, clock
        self._left: dict[str, tuple[float, float]] = {}  # client → what was left, and when; the latest last

    def count(self, client: str) -> None:
        """Takes one; ApiError with the seconds until there is one again."""
        now = self.clock()
        left, then = self._left.pop(client, (float(self.capacity), now))
        left = min(self.capacity, left + (now - then) * self.per_second)
        self._forget_before(now - 60)
        self._left[client] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            wait = math.ceil((1 - left) / self.per_second)
            raise ApiError.busy(f"more than {self.capacity} {self.what} a minute", "rate_limit_exceeded", wait)

    def _forget_before(self, time: float) -> None:
        """Whose last request is that old has a full bucket again, as one who never came."""
        while self._left and next(iter(self._left.values()))[1] <= time:
            del self._left[next(iter(self._left))]


def _mistake(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    if error["type"] != "extra_forbidden":
        return f"{name}={error['input']}: {mistake_in_words(error)}"
    near = get_close_matches(name, Limits.model_fields, n=1)
    return f"{name}: no such limit" + (f"; did you mean {near[0]}?" if near else "")
