"""The dialect of a delimited table, by what most lines of its head agree on."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

DELIMITERS = ",;\t|"
HEAD_CHARACTERS = 1 << 18  # from which the dialect is detected
BACKSLASH = re.compile(r'\\(["\\])')  # before a quotation mark or a backslash, as Spark and MySQL write them
TAB_SEPARATED = re.compile(r"(?i)\.tsv(\.\w+)?$")  # a file's name, compressed or not
SEP_LINE = re.compile(r'(?i)"?sep=(.)"?\s*(?:\r\n|\r|\n)')  # the first line that Excel reads and writes
NUMBERED = re.compile(r"\W?\d[\d.,:/ -]*")  # a first cell that is a number or a date
NEARLY_ALL = 0.95  # of the rows
MIN_SHORT_SHARE = 0.2  # of the rows have a length that is the writer's way to end a row early
MIN_COMPLETE_SHARE = 0.2  # of the lines agree with the first on a delimiter
QUOTED_LINE = re.compile(r'(?m)^"')  # as R writes row names; a comma in bare text makes a field too many as well
COLUMN_NAME = re.compile(r'"?[^\W\d][\w .#/()-]{0,62}"?')


class Dialect(NamedTuple):
    """How the rows of a table are written, and what most of them look like."""

    delimiter: str
    quoting: Any  # a constant of `csv`
    has_blanks: bool = False  # between a delimiter and a quotation mark
    has_backslashes: bool = False  # before quotation marks within quotes, in place of a second quotation mark
    has_sep_line: bool = False  # the first line names the delimiter: sep=;
    width: int = 1  # the fields of the first line, and of a row that is complete
    is_first_short: bool = False  # the first column has no name, as R writes row names
    short: frozenset[int] = frozenset()  # lengths of rows without their last fields, where these are usual
    is_numbered: bool = False  # nearly all rows begin with a number or a date

    @property
    def csv(self) -> dict[str, Any]:
        """The arguments of csv.reader."""
        return {"delimiter": self.delimiter, "quoting": self.quoting, "skipinitialspace": self.has_blanks}

    def begins_row(self, cells: list[str]) -> bool:
        """Whether the first cell is a number or a date in a table where nearly all rows begin with one."""
        return self.is_numbered and bool(NUMBERED.fullmatch(cells[0]))

    def plain_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines as the csv module reads them: with doubled quotation marks."""
        return (unescape(line) for line in lines) if self.has_backslashes else iter(lines)


def unescape(line: str) -> str:
    """A line with doubled quotation marks in place of those after a backslash."""
    return BACKSLASH.sub(lambda match: '""' if match[1] == '"' else "\\", line) if "\\" in line else line


def table_dialect(path: str, head: str) -> Dialect:
    """The dialect of a table, whose width is that of its first line."""
    sep = SEP_LINE.match(head)
    if sep:
        head, delimiters = head[sep.end() :], sep[1]
    else:
        delimiters = "\t" if TAB_SEPARATED.search(path) else DELIMITERS
    head = head[:HEAD_CHARACTERS]
    fits = [_quoted_or_bare(head, delimiter) for delimiter in delimiters]
    best = min(fits, key=lambda fit: fit.oddness)
    if best.columns == 1:  # unless the first line has several names, as some of the lines have fields
        best = next((fit for fit in fits if _agrees_with_first_line(head, fit.delimiter)), best)
    dialect = Dialect(best.delimiter, best.quoting, best.has_blanks, best.has_backslashes, bool(sep))
    return _with_width(dialect, head)


def named_columns(line: str) -> int:
    """The number of names in a line, where it is nothing but names between delimiters; else 1."""
    counts = [1]
    for delimiter in DELIMITERS:
        names = line.strip("\r\n").split(delimiter)
        if all(map(COLUMN_NAME.fullmatch, names)) and len(set(names)) == len(names):
            counts.append(len(names))
    return max(counts)


def _agrees_with_first_line(head: str, delimiter: str) -> bool:
    """Whether the first line names several columns, and a share of the lines below have as many fields."""
    first, _, rest = head.partition("\n")
    columns = named_columns(first)
    if columns == 1 or len(first.split(delimiter)) != columns:
        return False
    rows = [row for row in csv.reader(io.StringIO(rest, newline=""), delimiter=delimiter) if row]
    return sum(len(row) == columns for row in rows) >= max(1, MIN_COMPLETE_SHARE * len(rows))


def _with_width(dialect: Dialect, head: str) -> Dialect:
    """The dialect with the number of fields that its rows have, and which other numbers are usual."""
    lines = dialect.plain_lines(io.StringIO(head, newline=""))
    rows = [row for row in csv.reader(lines, **dialect.csv) if row]
    first, rest = (rows or [[]])[0], rows[1 : -1 if len(head) >= HEAD_CHARACTERS else None]
    lengths = Counter(map(len, rest))
    common = max(lengths, key=lambda n: lengths[n], default=len(first))
    is_quoted = 2 * len(QUOTED_LINE.findall(head)) > len(rest) or dialect.delimiter == "\t"
    is_first_short = common == len(first) + 1 and is_quoted and _have_row_names(rest, common, dialect)
    width = len(first) + is_first_short
    short = {n for n, count in lengths.items() if n < width and count >= MIN_SHORT_SHARE * len(rest)}
    numbered = sum(bool(NUMBERED.fullmatch(row[0])) for row in rest)
    is_numbered = width > 1 and 0 < len(rest) * NEARLY_ALL <= numbered
    return dialect._replace(width=width, is_first_short=is_first_short, short=frozenset(short), is_numbered=is_numbered)


def _have_row_names(rows: list[list[str]], length: int, dialect: Dialect) -> bool:
    """Whether nearly all rows of that length begin with a name of their own, and no delimiter in a text makes it."""
    named = [row for row in rows if len(row) == length]
    is_split = sum(any(cell.startswith(" ") for cell in row[1:]) for row in named) > (1 - NEARLY_ALL) * len(named)
    is_usual = len(named) >= NEARLY_ALL * len(rows) and len({row[0] for row in named}) == len(named)
    return is_usual and (dialect.has_blanks or not is_split) and any(row[-1].strip() for row in named)


class DialectFit(NamedTuple):
    """How well the lines of a table's head fit one dialect."""

    delimiter: str
    quoting: Any  # a constant of `csv`
    has_blanks: bool
    has_backslashes: bool
    columns: int  # of most rows
    rows: int
    wrapped: int  # cells that begin and end with a quotation mark, less those that only begin with one
    odd: int  # rows of another length, or with something between a quotation mark and the next delimiter

    @property
    def oddness(self) -> tuple[int, ...]:
        """Lower is likelier: a number of columns that most rows have, then one column, then one that few rows have."""
        kind = 1 if self.columns == 1 else 0 if 2 * self.odd <= self.rows else 2
        return kind, self.odd, -self.rows, -self.columns


def _quoted_or_bare(head: str, delimiter: str) -> DialectFit:
    """Quotation marks are text where few cells end with one too, and reading them as quotes joins or breaks rows."""
    quoted, bare = (_fit(head, delimiter, quoting) for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE))
    swallows = bare.odd == quoted.odd and bare.rows > quoted.rows and bare.columns > 1
    is_text = bare.columns == quoted.columns and bare.wrapped <= 0 and (bare.odd < quoted.odd or swallows)
    best = bare if is_text else quoted
    if f'{delimiter} "' in head:
        spaced = _fit(head, delimiter, csv.QUOTE_MINIMAL, has_blanks=True)
        best = spaced if spaced.odd < best.odd else best
    if '\\"' in head:
        escaped = _fit(unescape(head), delimiter, csv.QUOTE_MINIMAL)._replace(has_backslashes=True)
        best = escaped if escaped.wrapped >= 0 and escaped.odd < best.odd else best
    return best


def _fit(head: str, delimiter: str, quoting: Any, has_blanks: bool = False) -> DialectFit:
    """The fit of one dialect; the last row of a head that may be cut off is not counted."""
    rules: dict[str, Any] = {"delimiter": delimiter, "quoting": quoting, "skipinitialspace": has_blanks}
    reader = csv.reader(io.StringIO(head, newline=""), strict=True, **rules)
    lengths, wrapped, broken = list[int](), 0, 0
    while True:
        try:
            if row := next(reader):
                lengths.append(len(row))
                wrapped += sum(1 if len(cell) > 1 and cell[-1] == '"' else -1 for cell in row if cell[:1] == '"')
        except csv.Error:
            broken += 1
        except StopIteration:
            break
    lengths = lengths[: -1 if len(head) >= HEAD_CHARACTERS else None]
    columns = Counter(lengths).most_common(1)[0][0] if lengths else 1
    odd = sum(n != columns for n in lengths) + broken
    return DialectFit(delimiter, quoting, has_blanks, False, columns, len(lengths), wrapped, odd)
