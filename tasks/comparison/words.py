"""A comparison in a sentence that needs no statistics: who is better, by how much, and how often chance does that."""

import math

from tasks.comparison.pairs import Row
from tasks.readable_numbers import plain_number


def sentence(row: Row) -> str:
    """`B is better than A on 312 questions: +4.1 points (1.2 to 7.0); …`"""
    own, unit = row.paired, _unit(row)
    items = f"{own.items:,} {_noun(row.task, own.items)}"
    if own.texts < own.items:
        items += f" of {own.texts:,} source text{'' if own.texts == 1 else 's'}"
    span = f"{unit.signed(own.difference)} {unit.name} ({unit.signed(own.low)} to {unit.signed(own.high)})"
    span += " (lower is better)" if own.better == "lower" else ""
    if row.verdict == "cannot tell":
        return f"Cannot tell {row.b.name} from {row.a.name} on {items}: {span}; {_least(row, unit)}."
    return f"{row.b.name} is {row.verdict} than {row.a.name} on {items}: {span}; {_by_chance(row.p_holm)}."


class Unit:
    """How a task's values are written: shares as points out of a hundred, others as they are."""

    def __init__(self, name: str, factor: float, digits: int) -> None:
        self.name, self.factor, self.digits = name, factor, digits

    def signed(self, value: float) -> str:
        return f"{self.factor * value:+.{self.digits}f}".replace("-", "−")

    def plain(self, value: float) -> str:
        return f"{self.factor * value:.{self.digits}f}"


def _unit(row: Row) -> Unit:
    if row.task.startswith("bits_per_byte"):
        return Unit("bits per byte", 1, 3)
    if row.paired.better == "higher":
        return Unit("points", 100, 1)
    return Unit("nats", 1, 3)


def _noun(task: str, items: int) -> str:
    noun = "text" if task.startswith("bits_per_byte") else "question"
    return noun if items == 1 else f"{noun}s"


def _least(row: Row, unit: Unit) -> str:
    """What these items could have shown, or why what they show does not count."""
    least = row.paired.smallest_detectable
    if not math.isfinite(least):
        return "one item alone shows nothing" if row.paired.difference else "no score differs"
    if abs(row.paired.difference) >= least:  # few texts, or many rows, leave p high
        return f"{math.ceil(100 * row.p_holm)} in 100 such differences come by chance"
    return f"so many show a difference of {unit.plain(least)} {unit.name} or more four times in five"


def _by_chance(p: float) -> str:
    """`fewer than 2 in 100 such differences come by chance`"""
    for out_of in (100, 1000):
        if p * out_of >= 1:
            return f"fewer than {math.floor(p * out_of) + 1} in {out_of} such differences come by chance"
    return f"fewer than 1 in {plain_number(1000)} such differences come by chance"
