"""What a section of the report is made of: plots, tables, paragraphs, and passages with a part marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.readable_numbers import plain_number
from tasks.report.svg import Plot


@dataclass(frozen=True)
class Table:
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kind: str = "table"

    @property
    def is_narrow(self) -> bool:
        """Whether it can stand beside others."""
        return len(self.header) <= 5 and all(len(cell) <= 24 for row in self.rows for cell in row)


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


Block = Plot | Table | Paragraph | Heading | Passage


@dataclass(frozen=True)
class Section:
    """One heading of the page; `name` is its anchor."""

    name: str
    title: str
    blocks: Sequence[Block]


def table(caption: str, rows: Sequence[dict[str, Any]]) -> Table:
    """A table of rows that have the same keys."""
    header = tuple(rows[0]) if rows else ()
    return Table(caption, header, tuple(tuple(_cell(value) for value in row.values()) for row in rows))


def _cell(value: Any) -> str:
    is_number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    return plain_number(value) if is_number else str(value)
