"""CSV and TSV: a row is a record, its columns named by the first line, or column1, column2, … where there is none."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from datatrove.data import Document

from tasks.delimited.dialects import named_columns, table_dialect
from tasks.delimited.table_rows import TableRow, TableRows, column_names, complete_rows
from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read import alphabets
from tasks.ingest.read.double_bytes import LENGTHS as DOUBLE_BYTES
from tasks.ingest.read.double_bytes import resynchronise
from tasks.ingest.read.encodings import (
    MAX_REPLACED_SHARE,
    MIXED,
    NOT_IN_ENCODING,
    UTF8,
    Detected,
    Undecodable,
    encoding_of,
    is_utf8,
)
from tasks.ingest.read.plain import encoding_field, whole_characters
from tasks.ingest.read.shared_encoding import SharedEncoding
from tasks.ingest.read.utf8 import Mended, is_damaged_utf8, mended
from tasks.ingest.readers import BadRecord, QuarantiningReader, bytes_fault
from tasks.ingest.unpack import count_rest

MAX_LEFT_OUT = 2  # bytes of a short row in double bytes
UNICODE = ("utf-16", "utf-32")
UNDECODED = re.compile("[\ud800-\udfff]")


class Spreadsheets(QuarantiningReader):
    """Documents of the rows, one in memory at a time."""

    name = "📊 CSV"
    errors = "surrogateescape"

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            head = file.read(MIB)
            try:
                encoding, notes = _encoding(whole_characters(head), self.shared)
            except Undecodable as fault:
                size = len(head) + count_rest(file)
                self.quarantine(BadRecord(0, f"{fault}; the whole file is skipped", head[:RAW_BYTES], lost_bytes=size))
                return
            file.seek(0)
            self.report_repairs(notes)
            codec = "utf-8-sig" if encoding == "utf-8" else encoding
            self.errors = "surrogatepass" if encoding.startswith(UNICODE) else "surrogateescape"
            text = io.TextIOWrapper(file, codec, errors=self.errors, newline="")
            yield from self.rows(text, filepath, head.decode(codec, errors="replace"), encoding_field(encoding))

    def rows(self, text: io.TextIOWrapper, path: str, head: str, extra: dict[str, str]) -> Iterator[Document]:
        dialect = table_dialect(path, head)
        if dialect.has_sep_line:
            text.readline()
        rows = complete_rows(TableRows(text, dialect, self.rules.max_record_bytes), dialect)
        names = [f"column{n}" for n in range(1, dialect.width + 1)]
        if self.rules.header:
            names = column_names(next(rows, TableRow([], [])).cells)
        if is_unsplit(names) and names[0] not in self.rules.text_fields:
            fault = f"no delimiter splits its lines into the columns {names[0]!r}; the whole file is skipped"
            raw = head.encode(errors="replace")
            self.quarantine(BadRecord(0, fault, raw[:RAW_BYTES], lost_bytes=count_rest(text.buffer) + len(raw)))
            return
        position = -1
        try:
            for position, row in enumerate(rows):
                if document := self.row(_mended(row, extra.get("encoding", UTF8)), names, path, position, extra):
                    yield document
        except UnicodeError as error:
            fault = f"unreadable from here on: {error}"
            self.quarantine(BadRecord(position + 1, fault, b"", lost_bytes=count_rest(text.buffer)))

    def row(self, row: TableRow, names: list[str], path: str, position: int, extra: dict[str, str]) -> Document | None:
        raw = "".join(row.lines).encode(errors=self.errors)
        if row.fault:
            lost = len(raw) if len(row.lines) > 1 else 0  # several rows, perhaps
            self.quarantine(BadRecord(position, row.fault, raw[:RAW_BYTES], lost_bytes=lost))
            return None
        record: dict[str, Any] = dict(zip(names, row.cells, strict=True))
        document = self.document(record | extra, path, position, raw)
        self.report_repairs(row.repairs if document else {})
        return document


def is_unsplit(names: list[str]) -> bool:
    """Whether the only column's name is the names of several: the file has no delimiter that its lines agree on."""
    return len(names) == 1 and named_columns(names[0]) > 1


def _encoding(head: bytes, shared: SharedEncoding) -> Detected:
    """The encoding of a table; UTF-8 where most of its lines are that: the others are bad rows."""
    try:
        return encoding_of(head, shared)
    except Undecodable:
        lines = head.split(b"\n")
        bad = sum(bytes_fault(line) is not None for line in lines)
        if b"\0" in head or 2 * bad > len(lines):
            raise
        return Detected(UTF8)


def _mended(row: TableRow, encoding: str) -> TableRow:
    """The row with a few bad bytes mended, or read as the UTF-8 that it is; with a fault where there are more."""
    whole, cells = "\t".join(row.cells), list[Mended]()
    bad = len(UNDECODED.findall(whole))
    if row.fault or whole.isascii():
        return row
    if encoding in alphabets.ENCODINGS and is_utf8(whole.encode(encoding, errors="surrogateescape")):
        texts = [cell.encode(encoding, errors="surrogateescape").decode() for cell in row.cells]
        return row._replace(cells=texts, repairs=Counter(row.repairs) + Counter({MIXED: 1}))
    if encoding in DOUBLE_BYTES:
        cells = [_resynchronised(cell, encoding) for cell in row.cells]
        count = sum(cell.repairs.get(NOT_IN_ENCODING, 0) for cell in cells)
        cells = cells if count <= max(MAX_LEFT_OUT, MAX_REPLACED_SHARE * len(whole)) else []
    elif not bad:
        return row
    elif encoding == UTF8 and is_damaged_utf8(whole):
        cells = [mended(cell) for cell in row.cells]
    elif encoding != UTF8 and bad == 1:
        cells = [
            Mended(UNDECODED.sub("\ufffd", cell), {NOT_IN_ENCODING: len(UNDECODED.findall(cell))}) for cell in row.cells
        ]
    if not cells:
        return row._replace(fault="bytes that are no text in the encoding of the file's first megabyte")
    repairs = sum((Counter(cell.repairs) for cell in cells), Counter(row.repairs))
    return row._replace(cells=[cell.text for cell in cells], repairs=repairs)


def _resynchronised(cell: str, encoding: str) -> Mended:
    text, count = resynchronise(cell.encode(encoding, errors="surrogateescape"), encoding)
    return Mended(text, {NOT_IN_ENCODING: count} if count else {})
