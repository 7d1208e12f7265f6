"""What a model elsewhere may be asked: requests a minute, and money in all, with a running total."""

import asyncio
import time
from dataclasses import dataclass
from math import inf

from tasks.errors import UsageError, UserError

TOKENS = 1e6  # that prices are given for


@dataclass(frozen=True)
class Prices:
    """Of a million tokens, in the currency of your limit."""

    prompt: float
    answer: float

    def of(self, prompt_tokens: int, answer_tokens: int) -> float:
        return (self.prompt * prompt_tokens + self.answer * answer_tokens) / TOKENS


def parse_prices(text: str) -> Prices:
    """`0.15/0.60`: of a million tokens read, and of a million written. UsageError where it is something else."""
    try:
        prompt, answer = (float(part) for part in text.split("/"))
    except ValueError as error:
        raise UsageError(f"--price {text}: not two numbers", "give e.g. --price 0.15/0.60") from error
    if not 0 <= prompt < inf or not 0 <= answer < inf:
        raise UsageError(f"--price {text}: a price is a number from 0 on", "give e.g. --price 0.15/0.60")
    return Prices(prompt, answer)


@dataclass
class Spent:
    """So far; answers that were received before cost nothing again."""

    requests: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    money: float = 0.0
    unpriced: int = 0  # answers whose tokens the server did not count


class Budget:
    """Requests wait for their turn here; one that might exceed the money is not sent."""

    def __init__(self, requests_per_minute: float = inf, max_cost: float = inf, prices: Prices | None = None) -> None:
        if max_cost < inf and prices is None:
            raise UsageError("--max-cost limits nothing without a price", "give --price too, e.g. --price 0.15/0.60")
        self.prices, self.max_cost, self.spent = prices, max_cost, Spent()
        self._interval, self._next, self._reserved = 60 / requests_per_minute, 0.0, 0.0

    def reserve(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Sets aside what a request costs at most, and returns it; UserError where that may exceed the limit."""
        cost = self.prices.of(prompt_tokens, answer_tokens) if self.prices else 0.0
        if self.spent.money + self._reserved + cost > self.max_cost:
            what = (
                f"the next request may cost {cost:.4f}; {self.spent.money:.4f} of {self.max_cost:g} is spent"
                f" and {self._reserved:.4f} may be for requests under way"
            )
            raise UserError(what, "raise --max-cost and run again: answers that came are kept and cost nothing again")
        self._reserved += cost
        return cost

    def settle(self, reserved: float, prompt_tokens: int | None, answer_tokens: int | None) -> None:
        """Counts an answer; without counts of its tokens, what was set aside for it is taken as spent."""
        self.spent.requests += 1
        self._reserved -= reserved
        if prompt_tokens is None or answer_tokens is None:
            self.spent.unpriced += 1
            self.spent.money += reserved
            return
        self.spent.prompt_tokens += prompt_tokens
        self.spent.answer_tokens += answer_tokens
        self.spent.money += self.prices.of(prompt_tokens, answer_tokens) if self.prices else 0.0

    def release(self, reserved: float, was_sent: bool) -> None:
        """A request that gave no answer: one that was sent may have been charged."""
        self._reserved -= reserved
        self.spent.money += reserved if was_sent else 0.0

    async def turn(self) -> None:
        """Waits so that requests begin no faster than allowed."""
        now = time.monotonic()
        begin = max(now, self._next)
        self._next = begin + self._interval
        await asyncio.sleep(begin - now)

    def __str__(self) -> str:
        spent = self.spent
        tokens = f"{spent.requests:,} requests, {spent.prompt_tokens:,} tokens read and {spent.answer_tokens:,} written"
        limit = f" of {self.max_cost:g}" if self.max_cost < inf else ""
        money = f", {spent.money:.4f}{limit} spent" if self.prices else ""
        missing = f" ({spent.unpriced:,} without a count of their tokens)" if spent.unpriced else ""
        return tokens + missing + money
