"""CSV and TSV: a row is a record, its columns named by the first line, or column1, column2, … where there is none."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from datatrove.data import Document

from tasks.ingest.kinds import ending, within
from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.encodings import Undecodable, encoding_of
from tasks.ingest.read.plain import encoding_field
from tasks.ingest.readers import Bad, Checked

DELIMITERS = ",;\t|"
JUDGED = 1 << 18  # characters, to see what parts the columns
UNDECODED = re.compile("[\ud800-\udfff]")


class Spreadsheets(Checked):
    """Rows as they come; memory holds one of them."""

    name = "📊 CSV"

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            head = file.read(MIB)
            try:
                encoding = encoding_of(head[: head.rfind(b"\n") + 1] or head)
            except Undecodable as fault:
                self.quarantine(Bad(0, f"{fault}; the whole file is left", head[:RAW_BYTES]))
                return
            file.seek(0)
            codec = "utf-8-sig" if encoding == "utf-8" else encoding
            text = io.TextIOWrapper(file, codec, errors="surrogateescape", newline="")
            yield from self.rows(text, filepath, head.decode(codec, errors="replace"), encoding_field(encoding))

    def rows(self, text: io.TextIOWrapper, path: str, head: str, extra: dict[str, str]) -> Iterator[Document]:
        csv.field_size_limit(self.rules.max_record_bytes)
        reader = csv.reader(text, **dialect(path, head[:JUDGED]))
        position, names = -1, list[str]()
        try:
            for row in reader:
                if not names:
                    names = names_of(row) if self.rules.header else [f"column{n}" for n in range(1, len(row) + 1)]
                    if self.rules.header:
                        continue
                position += 1
                if row and (document := self.row(row, names, path, position, extra)):
                    yield document
        except (csv.Error, UnicodeError) as error:
            self.quarantine(Bad(position + 1, f"unreadable from here on: {error}", b""))

    def row(self, row: list[str], names: list[str], path: str, position: int, extra: dict[str, str]) -> Document | None:
        raw = "\t".join(row).encode(errors="surrogateescape")
        if len(row) != len(names):
            self.quarantine(Bad(position, f"{len(row)} fields, where the first line has {len(names)}", raw[:RAW_BYTES]))
            return None
        if UNDECODED.search("".join(row)):
            self.quarantine(
                Bad(position, "bytes that are no text in the encoding of the first megabyte", raw[:RAW_BYTES])
            )
            return None
        record: dict[str, Any] = dict(zip(names, row, strict=True))
        return self.document(record | extra, path, position, raw)


class Fit(NamedTuple):
    """How the lines of a table's head look by one way of reading them."""

    delimiter: str
    quoting: Any  # a constant of `csv`
    columns: int  # of most rows
    rows: int
    wrapped: int  # cells that begin and end with a quotation mark, less those that only begin with one
    odd: int  # rows of another length, or with something between a quotation mark and the next delimiter

    @property
    def oddness(self) -> tuple[int, ...]:
        """The less, the likelier: columns on which most rows agree, then one column, then what few agree on."""
        kind = 1 if self.columns == 1 else 0 if 2 * self.odd <= self.rows else 2
        return kind, self.odd, -self.rows, -self.columns


def dialect(path: str, head: str) -> dict[str, Any]:
    """What parts the columns, and whether quotation marks are more than text: what the lines agree on best."""
    delimiters = "\t" if within(ending(path))[0] == ".tsv" else DELIMITERS
    best = min((_quoted_or_bare(head, one) for one in delimiters), key=lambda fit: fit.oddness)
    return {"delimiter": best.delimiter, "quoting": best.quoting}


def _quoted_or_bare(head: str, delimiter: str) -> Fit:
    """Quotation marks are text where few cells end with one too, and they swallow lines or break the form of rows."""
    quoted, bare = (_fit(head, delimiter, quoting) for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE))
    swallows = bare.odd == quoted.odd and bare.rows > quoted.rows and bare.columns > 1
    is_text = bare.columns == quoted.columns and bare.wrapped <= 0 and (bare.odd < quoted.odd or swallows)
    return bare if is_text else quoted


def _fit(head: str, delimiter: str, quoting: Any) -> Fit:
    """Of a head that may be cut the last row is left out."""
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
    lengths = lengths[: -1 if len(head) >= JUDGED else None]
    columns = Counter(lengths).most_common(1)[0][0] if lengths else 1
    return Fit(delimiter, quoting, columns, len(lengths), wrapped, sum(n != columns for n in lengths) + broken)


def names_of(row: list[str]) -> list[str]:
    """The columns' names; one without a name, or whose name came before, is called by its number."""
    names = list[str]()
    for number, name in enumerate(row, 1):
        clean = name.strip()
        names.append(clean if clean and clean not in names else f"column{number}")
    return names
