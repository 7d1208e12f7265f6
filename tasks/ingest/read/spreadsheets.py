"""CSV and TSV: a row is a record, its columns named by the first line, or column1, column2, … where there is none."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from datatrove.data import Document

from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.encodings import Undecodable, encoding_of
from tasks.ingest.read.plain import encoding_field
from tasks.ingest.readers import Bad, Checked

DELIMITERS = ",;\t|"
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
        reader = csv.reader(text, **dialect(path, head))
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


def dialect(path: str, head: str) -> dict[str, Any]:
    """The delimiter that the first line has most of; of a .tsv also whether its quotation marks are more than text."""
    first = head.split("\n", 1)[0]
    if not path.lower().endswith(".tsv"):
        return {"delimiter": max(DELIMITERS, key=first.count)}
    ways = ({"delimiter": "\t", "quoting": quoting} for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE))
    return min(ways, key=lambda way: _oddness(head, way))


def _oddness(head: str, way: dict[str, Any]) -> tuple[int, int]:
    """Rows of another length than the first; then the fewer rows, the odder: a lone mark swallows lines."""
    lengths = [len(row) for row in csv.reader(io.StringIO(head, newline=""), **way)]
    return sum(length != lengths[0] for length in lengths[:-1]), -len(lengths)  # the last may be cut


def names_of(row: list[str]) -> list[str]:
    """The columns' names; one without a name, or whose name came before, is called by its number."""
    names = list[str]()
    for number, name in enumerate(row, 1):
        clean = name.strip()
        names.append(clean if clean and clean not in names else f"column{number}")
    return names
