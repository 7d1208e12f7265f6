"""Whether the first line of a table names its columns: it does where it differs from the lines below it."""

import re
from collections import Counter
from collections.abc import Sequence

LONGEST_NAME = 64  # characters
NEARLY_ALL = 0.8  # of a column's cells are of one kind
KINDS = {  # the first that fits the whole cell
    "number": re.compile(r"[-+]?[\d.,\s]*\d%?|nan", re.IGNORECASE),
    "date": re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*|\d{1,2}:\d{2}\b.*"),
    "address": re.compile(r"(https?://|www\.)\S+|[^@\s]+@[^@\s]+\.\w+"),
}


def names_columns(lines: Sequence[Sequence[str]]) -> bool:
    """False where the first line is like the others: its cells are of their columns' kinds, or occur again below."""
    first, rest = lines[0], [line for line in lines[1:] if list(line) != list(lines[0])]
    if not rest:
        return not any(len(cell) > LONGEST_NAME or _kind(cell) for cell in first)
    like, unlike, columns = 0, 0, list(zip(first, zip(*rest, strict=True), strict=True))
    for cell, below in columns:
        kind = _common(below)
        like += bool(kind) and _kind(cell) == kind
        unlike += bool(kind and cell.strip()) and _kind(cell) != kind
    if like or unlike:
        return unlike >= like
    return not any(_occurs_again(cell, below) for cell, below in columns)


def _kind(cell: str) -> str:
    """The kind of a cell; "" for plain text."""
    return next((kind for kind, form in KINDS.items() if form.fullmatch(cell.strip())), "")


def _common(cells: Sequence[str]) -> str:
    """The kind of nearly all cells of a column that are not empty."""
    kinds = Counter(_kind(cell) for cell in cells if cell.strip())
    kind, count = kinds.most_common(1)[0] if kinds else ("", 0)
    return kind if count >= NEARLY_ALL * kinds.total() else ""


def _occurs_again(cell: str, below: Sequence[str]) -> bool:
    """Whether a cell occurs in its column again, or is too long for a name where others are as long."""
    typical = sorted(map(len, below))[len(below) // 2]
    return bool(cell.strip()) and (cell in below or LONGEST_NAME < len(cell) < 2 * typical)
