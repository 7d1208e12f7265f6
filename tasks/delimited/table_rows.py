"""The rows of a delimited table, in linear time and bounded memory whatever its quotation marks do.

The csv module believes a quotation mark at the beginning of a cell until the next one, be it at the end of the file. A
row whose mark nothing closes, or whose cell swallows lines that are rows, is read again from its first line with
quotation marks as text.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, pairwise
from typing import Any, NamedTuple

from tasks.delimited.dialects import NEARLY_ALL, Dialect, unescape

MANY_LINES = 64  # of a cell that all look like rows: it is read no further
SOME_LINES = 10  # so many that all look like rows are no cell
FREE_REREAD = 1 << 20  # characters
REREAD_SHARE = 8  # times the text that was read may be read again: more, and quotation marks are text from there on
DIGITS = re.compile(r"\d+")
UNCLOSED = "rows with a quotation mark that nothing closes, read as text"
SHORT = "rows without their last fields, read with empty ones"


class TableRow(NamedTuple):
    """A row with the lines that it was read from."""

    cells: list[str]
    lines: list[str]
    fault: str = ""  # why it cannot be used
    repairs: Mapping[str, int] = {}  # what was changed to read it
    last_line: int = 0  # its number in what was read, from 1


def complete_rows(rows: Iterable[TableRow], dialect: Dialect) -> Iterator[TableRow]:
    """Each row with as many cells as the first has, or with the reason why it has not.

    Empty fields behind the last column are left out, and missing ones are empty; but two short rows that make up one
    are a row that the end of a line breaks in two.
    """
    before, was_broken, rows = None, False, iter(rows)
    if dialect.is_first_short and (first := next(rows, None)):
        rows = chain([first._replace(cells=["", *first.cells])], rows)
    for row in chain(rows, [None]):
        if before:
            is_broken = _are_one_row(before, row, dialect)
            yield _complete(before, dialect, is_broken or was_broken)
            was_broken = is_broken
        before = row


def _are_one_row(row: TableRow, following: TableRow | None, dialect: Dialect) -> bool:
    counts = [len(row.cells), len(following.cells)] if following else []
    is_usual = any(count in dialect.short for count in counts) or (following and dialect.begins_row(following.cells))
    return sum(counts) == dialect.width + 1 and max(counts) < dialect.width and not is_usual


def _complete(row: TableRow, dialect: Dialect, is_broken: bool) -> TableRow:
    count, width = len(row.cells), dialect.width
    is_rest = dialect.is_numbered and not dialect.begins_row(row.cells)
    if row.fault or count == width:
        return row
    if any(cell.strip() for cell in row.cells[width:]) or (count < width and (is_broken or is_rest)):
        lines = f" in {len(row.lines):,} lines" if len(row.lines) > 1 else ""
        return row._replace(fault=f"{count} fields{lines}, where the first line has {width}")
    repairs = Counter(row.repairs) + Counter({SHORT: 1} if count < width else {})
    return row._replace(cells=(row.cells + [""] * (width - count))[:width], repairs=repairs)


class _Unclosed(Exception):
    """A cell that is larger than a record may be, or many lines of which look like rows."""


class TableRows:
    """Iterates over the rows of a table, those left out that are empty."""

    def __init__(self, file: Iterable[str], dialect: Dialect, max_characters: int) -> None:
        csv.field_size_limit(max_characters)
        self.dialect = dialect
        self.lines = _TableLines(dialect.plain_lines(file), dialect, max_characters)
        self.strict = csv.reader(self.lines, strict=True, **dialect.csv)
        self.lenient = csv.reader(self.lines, **dialect.csv)

    def __iter__(self) -> Iterator[TableRow]:
        while True:
            self.lines.begin()
            try:
                cells = self._bare(next(self.lines)) if self.lines.are_reread_too_often else next(self.strict)
            except StopIteration:
                return
            except (csv.Error, _Unclosed):
                yield self._read_again()._replace(last_line=self.lines.number)
                continue
            row = TableRow(cells, self.lines.taken)
            if self._swallows_rows(row):
                row = self._first_line_alone()
            if any(map(str.strip, cells)) or (cells and self.dialect.width == 1):  # spreadsheets end in empty rows
                yield row._replace(last_line=self.lines.number)

    def _swallows_rows(self, row: TableRow) -> bool:
        """Whether a well-formed row of many lines is several rows: they look like rows, or very much like this one."""
        inner = row.lines[1:]
        if self.dialect.width < 2 or not inner or not self.lines.look_like_rows(inner):
            return False
        begins = [row.cells[0], *(line.partition(self.dialect.delimiter)[0] for line in inner)]
        if all(map(str.isdecimal, begins)):
            return all(int(later) == int(earlier) + 1 for earlier, later in pairwise(begins))
        shapes = {DIGITS.sub("0", begin) for begin in begins}
        return len(inner) >= SOME_LINES or (len(shapes) == 1 and "0" in min(shapes))

    def _read_again(self) -> TableRow:
        """The row that begins at a line which the strict rules do not explain."""
        self.lines.push_back(0)
        self.lines.begin()
        is_closed = True
        try:
            cells = next(self.lenient)
            is_closed = not self.lines.is_ended
        except (csv.Error, _Unclosed):
            cells, is_closed = [], False
        taken = self.lines.taken
        if len(taken) == 1 and (is_closed or not cells):
            return self._one_line(taken[0], cells)
        if (self.dialect.width == 1 and not is_closed) or self.lines.look_like_rows(taken[1:]):
            return self._first_line_alone()
        if is_closed:
            return TableRow(cells, taken)
        fault = f"a quotation mark that nothing closes: {len(taken):,} lines are read as one cell"
        return TableRow(cells, taken, fault)

    def _first_line_alone(self) -> TableRow:
        self.lines.push_back(1)
        first = self.lines.taken[0]
        return TableRow(self._bare(first), [first], repairs={UNCLOSED: 1})

    def _one_line(self, line: str, lenient: list[str]) -> TableRow:
        """A row of one line that has something between a quotation mark and the next delimiter."""
        readings = [self._bare(line), lenient]
        if '\\"' in line:
            readings.insert(0, self._escaped(line))
        cells = next((cells for cells in readings if len(cells) == self.dialect.width and not _is_open(cells)), lenient)
        if not cells:
            return TableRow([], [line], f"a row of {len(line):,} characters: more than max_record_bytes")
        return TableRow(cells, [line])

    def _escaped(self, line: str) -> list[str]:
        try:
            return next(csv.reader([unescape(line)], strict=True, **self.dialect.csv), [])
        except csv.Error:
            return []

    def _bare(self, line: str) -> list[str]:
        """The cells of a line whose quotation marks are text, but those around a cell."""
        if self.dialect.width == 1:
            return [line.rstrip("\r\n")]
        rules: dict[str, Any] = self.dialect.csv | {"quoting": csv.QUOTE_NONE}
        try:
            cells = next(csv.reader([line], **rules), [])
        except csv.Error:
            return []
        return [cell[1:-1].replace('""', '"') if _is_wrapped(cell) else cell for cell in cells]


def _is_wrapped(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def _is_open(cells: list[str]) -> bool:
    return any(cell.startswith('"') for cell in cells)


class _TableLines:
    """The lines of a file for csv.reader: those of the present row are kept, and can be read again."""

    def __init__(self, file: Iterator[str], dialect: Dialect, max_characters: int) -> None:
        self.file, self.dialect, self.max_characters = file, dialect, max_characters
        self.pushed = deque[str]()
        self.read, self.reread = 0, 0  # characters
        self.lines_read = 0
        self.begin()

    def begin(self) -> None:
        """The next line is the first of a row."""
        self.taken, self.size, self.alike, self.is_ended = list[str](), 0, 0, False

    def __iter__(self) -> "_TableLines":
        return self

    def __next__(self) -> str:
        if self.taken and (self.size > self.max_characters or self._are_many_rows()):
            raise _Unclosed
        if self.pushed:
            line = self.pushed.popleft()
        else:
            line = next(self.file, "")
            self.read += len(line)
            self.lines_read += bool(line)
        if not line:
            self.is_ended = bool(self.taken)
            raise StopIteration
        self.taken.append(line)
        self.size += len(line)
        return line

    def push_back(self, first: int) -> None:
        """The present row's lines from that one on will be read again."""
        again = self.taken[first:]
        self.pushed.extendleft(reversed(again))
        self.reread += sum(map(len, again))

    @property
    def number(self) -> int:
        """Of the last line taken."""
        return self.lines_read - len(self.pushed)

    @property
    def are_reread_too_often(self) -> bool:
        return self.reread > REREAD_SHARE * (self.read + FREE_REREAD)

    def look_like_rows(self, lines: list[str]) -> bool:
        return sum(map(self._looks_like_row, lines)) >= NEARLY_ALL * len(lines)

    def _are_many_rows(self) -> bool:
        if len(self.taken) < 2 or self.dialect.width < 2:
            return False
        self.alike += self._looks_like_row(self.taken[-1])
        return len(self.taken) > MANY_LINES and self.alike >= NEARLY_ALL * (len(self.taken) - 1)

    def _looks_like_row(self, line: str) -> bool:
        try:
            cells = next(csv.reader([line], **self.dialect.csv), [])
        except csv.Error:
            return False
        return len(cells) == self.dialect.width


def column_names(row: list[str]) -> list[str]:
    """The columns' names; one without a name, or with the name of an earlier one, is named by its number."""
    names = list[str]()
    for number, name in enumerate(row, 1):
        clean = name.strip()
        names.append(clean if clean and clean not in names else f"column{number}")
    return names
