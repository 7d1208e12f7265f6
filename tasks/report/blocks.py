"""What a section of the report is made of: plots, tables, paragraphs, and passages with a part marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.readable_numbers import plain_number
from tasks.report.svg import Plot

NARROW, GAP = 44, 2  # letters, of a table beside others and between two columns


@dataclass(frozen=True)
class Table:
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()  # columns of numbers, which are aligned on the right
    is_beside: bool = False  # stands beside others where it would be too wide for that, its cells broken
    kind: str = "table"

    @property
    def is_narrow(self) -> bool:
        """Whether it can stand beside others, in a third of the page."""
        if self.is_beside:
            return True
        columns = zip(*(self.header, *self.rows), strict=True)
        return sum(max(map(len, column)) + GAP for column in columns) <= NARROW


@dataclass(frozen=True)
class Folded:
    """Blocks behind a line that opens them."""

    title: str
    blocks: "Sequence[Block]"
    kind: str = "folded"


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: str
    kind: str = "paragraph"


@dataclass(frozen=True)
class Heading:
    text: str
    kind: str = "heading"


@dataclass(frozen=True)
class Passage:
    """A text under a line that says where it is from: before, the marked part, after."""

    title: str
    before: str
    marked: str
    after: str
    kind: str = "passage"


@dataclass(frozen=True)
class Branch:
    """A line of a tree, with the lines below it."""

    name: str
    about: str
    is_marked: bool
    branches: "Sequence[Branch]"


@dataclass(frozen=True)
class Tree:
    """Lines below one another, from the roots on."""

    title: str
    branches: Sequence[Branch]
    kind: str = "tree"


Block = Plot | Table | Paragraph | Heading | Passage | Folded | Tree


@dataclass(frozen=True)
class Section:
    """One heading of the page; `name` is its anchor."""

    name: str
    title: str
    blocks: Sequence[Block]


def table(caption: str, rows: Sequence[dict[str, Any]]) -> Table:
    """A table of rows that have the same keys."""
    header = tuple(rows[0]) if rows else ()
    cells = tuple(tuple(_cell(value) for value in row.values()) for row in rows)
    numbers = (n for n, name in enumerate(header) if all(_is_number(row[name]) for row in rows))
    return Table(caption, header, cells, frozenset(numbers))


def _cell(value: Any) -> str:
    return plain_number(value) if _is_number(value) else str(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
