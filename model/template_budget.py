"""What a chat template may make: units, counted before and after, and the sizes of what its operations make.

Counted are units: a character or an element of whatever is made, and STEP for each turn of a loop, filter and call.
What would be made in one go (a product, a power, a width) is counted before it is made. What takes long without making
anything is stopped by the processor time of its thread.
"""

import re
import time
from collections.abc import Generator, Iterable, Mapping, MappingView, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import jinja2
from jinja2.utils import Namespace

UNITS, UNITS_PER_CHARACTER = 5_000_000, 200  # a template may use; the latter for each character of the turns
SECONDS = 5.0  # of processor time
STEP = 50  # units
STEPS_PER_LOOK = 64  # at the clock
COUNT = 100_000  # the largest width, precision or size that a call may name
BITS = 4_096  # of the largest integer
PERCENT = re.compile(r"%(\([^)]*\))?[-+ #0]*(\*|\d{6,}|\d*\.(\*|\d{6,}))")  # a width of six digits, or from a value
WIDE = re.compile(r"\d{6,}|\{")


class LimitError(jinja2.TemplateError):
    """A template does more than a conversation needs."""


class Budget:
    def __init__(self, units: int) -> None:
        self.left, self.steps, self.until = units, 0, time.thread_time() + SECONDS

    def use(self, units: int) -> None:
        self.left -= abs(units)
        self.steps += 1
        if self.left < 0 or self.steps % STEPS_PER_LOOK == 0:
            self.look()

    def look(self) -> None:
        """LimitError where it is used up."""
        if self.left < 0 or time.thread_time() > self.until:
            raise LimitError("it does not end, or makes far more text than the conversation has")


budget_now: ContextVar[Budget] = ContextVar("budget of the template that is rendered")


@contextmanager
def limited(characters: int) -> Generator[None]:
    """Inside, a template for so many characters of turns is compiled or rendered; past its limit it is a LimitError."""
    token = budget_now.set(Budget(UNITS + UNITS_PER_CHARACTER * characters))
    try:
        yield
    finally:
        budget_now.reset(token)


def size_of_result(operator: str, left: Any, right: Any) -> int:
    """Of a binary operation, before it is computed; LimitError for integers that are too long."""
    if operator == "%" and isinstance(left, str | bytes):
        if PERCENT.search(left if isinstance(left, str) else left.decode("latin-1")):
            raise LimitError(f"it formats a text to {left!r:.80}")
        return len(left) + text_size(right)
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * abs(right) if operator == "**" else left.bit_length() + right.bit_length()
        if bits > BITS:
            raise LimitError("it computes with integers that are too long")
    elif operator == "*":
        sized, times = (left, right) if isinstance(left, Sized) else (right, left)
        return 1 + length(sized) * max(times, 1) if isinstance(times, int) else 1
    return 1


def size_of_method(owner: Any, name: str, args: Sequence[Any]) -> int:
    """Of what a method in GROWING would make."""
    if not isinstance(owner, str | bytes):
        return 0
    if name == "translate":
        raise LimitError("it calls translate, which is not counted")
    if name == "replace" and len(args) > 1:
        return size_of_replaced(owner, *args[:2])
    if name == "expandtabs":
        return len(owner) * max((arg for arg in args if isinstance(arg, int)), default=8)
    return len(owner) * len(args[0]) + text_size(args[0]) if name == "join" and args else 0


def size_of_replaced(text: Any, old: Any = "", new: Any = "") -> int:
    return len(text) + (text.count(old) * len(new) if isinstance(old, type(text)) else 0)


def refuse_large(values: Iterable[Any], most: int = COUNT) -> None:
    for value in values:
        if isinstance(value, int) and abs(value) > most:
            raise LimitError(f"it gives a call a number above {most:,}")


def length(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple | dict | set) else 0


def text_size(value: Any) -> int:
    """Of a value as text, about; what is walked is counted, so that a walk ends."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, int):
        return 1 + value.bit_length() // 3
    if isinstance(value, Namespace):
        value = vars(value)
    if isinstance(value, Mapping):
        value = value.items()
    if not isinstance(value, list | tuple | set | MappingView):
        return 1
    budget, size = budget_now.get(), 2
    for item in cast(Iterable[Any], value):
        budget.use(1)
        size += 2 + text_size(item)
    return size
