"""Tables and named values on stdout."""

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.readable_numbers import plain_number

WIDTH = 160  # characters, where stdout is no terminal
UNBROKEN = 100_000  # characters of a row there: a script reads it, and no cell is broken
LEAST_WITH_COMMAS = 10_000  # a year has none


def show_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a table; a word where there are none."""
    if not rows:
        print("no rows")
        return
    out = standard_output()
    if not out.is_terminal:
        out.width = UNBROKEN
    table = Table(box=box.SIMPLE_HEAD if out.is_terminal else None, pad_edge=False)
    large = dict[str, bool]()  # columns with a number that has commas: the others there have them too
    for name in rows[0]:
        is_number = all(row[name] is None or _is_number(row[name]) for row in rows)
        large[name] = any(_is_number(row[name]) and abs(row[name]) >= LEAST_WITH_COMMAS for row in rows)
        table.add_column(escape(str(name)), overflow="fold", justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*(_cell(value, large[name]) for name, value in row.items()))
    print_table(out, table)


def print_table(out: Console, table: Table) -> None:
    """The table; where stdout is no terminal, without blanks at the ends of its lines."""
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as capture:
        out.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip())


def show_facts(facts: Mapping[str, Any]) -> None:
    """name: value, one a line."""
    for name, value in facts.items():
        print(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}")


def standard_output() -> Console:
    """Standard output: as wide as the terminal, and wide enough where it is none."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: Any, has_commas: bool = False) -> str:
    if value is None:
        return "–"
    if isinstance(value, float) or (_is_number(value) and has_commas):
        return plain_number(value)
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return escape(str(value))
