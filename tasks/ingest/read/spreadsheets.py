"""CSV and TSV: a row is a record, its columns named by the first line, or column1, column2, … where there is none."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from datatrove.data import Document

from tasks.ingest.kinds import ending, within
from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.encodings import NOT_IN_ENCODING, UTF8, Undecodable, encoding_of
from tasks.ingest.read.plain import encoding_field
from tasks.ingest.read.utf8 import ESCAPED, Mended, is_damaged_utf8, mended
from tasks.ingest.readers import BadRecord, QuarantiningReader, bytes_fault

DELIMITERS = ",;\t|"
HEAD_CHARACTERS = 1 << 18  # from which the dialect is detected


class Spreadsheets(QuarantiningReader):
    """Documents of the rows, one in memory at a time."""

    name = "📊 CSV"

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            head = file.read(MIB)
            try:
                encoding = _encoding(head[: head.rfind(b"\n") + 1] or head)
            except Undecodable as fault:
                self.quarantine(BadRecord(0, f"{fault}; the whole file is skipped", head[:RAW_BYTES]))
                return
            file.seek(0)
            codec = "utf-8-sig" if encoding == "utf-8" else encoding
            text = io.TextIOWrapper(file, codec, errors="surrogateescape", newline="")
            yield from self.rows(text, filepath, head.decode(codec, errors="replace"), encoding_field(encoding))

    def rows(self, text: io.TextIOWrapper, path: str, head: str, extra: dict[str, str]) -> Iterator[Document]:
        csv.field_size_limit(self.rules.max_record_bytes)
        reader = csv.reader(text, **dialect(path, head[:HEAD_CHARACTERS]))
        position, names = -1, list[str]()
        try:
            for row in reader:
                if not names:
                    names = column_names(row) if self.rules.header else [f"column{n}" for n in range(1, len(row) + 1)]
                    if self.rules.header:
                        continue
                position += 1
                if row and (document := self.row(row, names, path, position, extra)):
                    yield document
        except (csv.Error, UnicodeError) as error:
            self.quarantine(BadRecord(position + 1, f"unreadable from here on: {error}", b""))

    def row(self, row: list[str], names: list[str], path: str, position: int, extra: dict[str, str]) -> Document | None:
        raw = "\t".join(row).encode(errors="surrogateescape")
        if len(row) != len(names):
            fault = f"{len(row)} fields, where the first line has {len(names)}"
            self.quarantine(BadRecord(position, fault, raw[:RAW_BYTES]))
            return None
        repairs = Counter[str]()
        if ESCAPED.search("".join(row)):
            if (cells := _mended(row, repairs, is_utf8=not extra)) is None:
                fault = "bytes that are no text in the encoding of the file's first megabyte"
                self.quarantine(BadRecord(position, fault, raw[:RAW_BYTES]))
                return None
            row = cells
        record: dict[str, Any] = dict(zip(names, row, strict=True))
        document = self.document(record | extra, path, position, raw)
        self.report_repairs(repairs if document else {})
        return document


def _encoding(head: bytes) -> str:
    """The encoding of a table; UTF-8 where most of its lines are that: the others are bad rows."""
    try:
        return encoding_of(head)
    except Undecodable:
        lines = head.split(b"\n")
        bad = sum(bytes_fault(line) is not None for line in lines)
        if b"\0" in head or 2 * bad > len(lines):
            raise
        return UTF8


def _mended(row: list[str], repairs: Counter[str], is_utf8: bool) -> list[str] | None:
    """The cells of a row in which a few bad bytes are mended, counted in `repairs`; None where these are many."""
    if is_utf8 and not is_damaged_utf8("\t".join(row)):
        return None
    bad = sum(len(ESCAPED.findall(cell)) for cell in row)
    if not is_utf8 and bad > 1:
        return None
    cells = [mended(cell) if is_utf8 else Mended(ESCAPED.sub("\ufffd", cell), {}) for cell in row]
    for cell in cells:
        repairs.update(cell.repairs)
    repairs.update({} if is_utf8 else {NOT_IN_ENCODING: bad})
    return [cell.text for cell in cells]


class DialectFit(NamedTuple):
    """How well the lines of a table's head fit one dialect."""

    delimiter: str
    quoting: Any  # a constant of `csv`
    columns: int  # of most rows
    rows: int
    wrapped: int  # cells that begin and end with a quotation mark, less those that only begin with one
    odd: int  # rows of another length, or with something between a quotation mark and the next delimiter

    @property
    def oddness(self) -> tuple[int, ...]:
        """Lower is likelier: a number of columns that most rows have, then one column, then one that few rows have."""
        kind = 1 if self.columns == 1 else 0 if 2 * self.odd <= self.rows else 2
        return kind, self.odd, -self.rows, -self.columns


def dialect(path: str, head: str) -> dict[str, Any]:
    """The delimiter, and whether quotation marks are more than text, by what most lines agree on."""
    delimiters = "\t" if within(ending(path))[0] == ".tsv" else DELIMITERS
    best = min((_quoted_or_bare(head, delimiter) for delimiter in delimiters), key=lambda fit: fit.oddness)
    return {"delimiter": best.delimiter, "quoting": best.quoting}


def _quoted_or_bare(head: str, delimiter: str) -> DialectFit:
    """Quotation marks are text where few cells end with one too, and reading them as quotes joins or breaks rows."""
    quoted, bare = (_fit(head, delimiter, quoting) for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE))
    swallows = bare.odd == quoted.odd and bare.rows > quoted.rows and bare.columns > 1
    is_text = bare.columns == quoted.columns and bare.wrapped <= 0 and (bare.odd < quoted.odd or swallows)
    return bare if is_text else quoted


def _fit(head: str, delimiter: str, quoting: Any) -> DialectFit:
    """The fit of one dialect; the last row of a head that may be cut off is not counted."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
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
    return DialectFit(delimiter, quoting, columns, len(lengths), wrapped, sum(n != columns for n in lengths) + broken)


def column_names(row: list[str]) -> list[str]:
    """The columns' names; one without a name, or with the name of an earlier one, is named by its number."""
    names = list[str]()
    for number, name in enumerate(row, 1):
        clean = name.strip()
        names.append(clean if clean and clean not in names else f"column{number}")
    return names
