"""JSON files: the objects of one array, one object, or several after another; read in pieces, whatever their size."""

import io
import json
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple, TextIO

from datatrove.data import Document

from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.encodings import UTF16
from tasks.ingest.readers import Bad, Lines

LONGEST_MARK = 2  # characters that may stand between what is read of a number and its rest: e+
BLANK, BETWEEN = re.compile(r"\s*"), re.compile(r"[\s,]*")


class Cut(NamedTuple):
    """What is left of a file that ends, or stops being JSON, before its last value does."""

    what: str
    rest: str


class JsonFiles(Lines):
    """Every value is a record; memory holds one of them. A file of one object without a text is no fault: settings."""

    name = "🧾 JSON"
    is_lone = False

    def read_file(self, filepath: str) -> Iterator[Document]:
        position = -1
        with self.data_folder.open(filepath, "rb") as file:
            encoding = "utf-16" if file.read(2) in UTF16 else "utf-8-sig"
            file.seek(0)
            text = io.TextIOWrapper(file, encoding, errors="surrogateescape")
            try:
                found = values(text, self.rules.max_record_bytes)
                first = list(islice(found, 2))
                self.is_lone = len(first) == 1
                for position, value in enumerate(chain(first, found)):
                    if isinstance(value, Cut):
                        rest = value.rest.encode(errors="surrogateescape")[:RAW_BYTES]
                        self.quarantine(Bad(position, f"unreadable from here on: {value.what}", rest))
                        return
                    raw = value.encode(errors="surrogateescape")
                    if document := self.parse(raw, filepath, position):
                        yield document
            except UnicodeError as error:
                self.quarantine(Bad(position + 1, f"unreadable from here on: {error}", b""))

    def document(self, record: Any, path: str, position: int, raw: bytes | None = None) -> Document | None:
        if self.is_lone and isinstance(record, dict) and not any(name in record for name in self.rules.text_fields):
            self.quarantine(Bad(position, self.fault(record) or "", (raw or b"")[:RAW_BYTES], is_stray=True))
            return None
        return super().document(record, path, position, raw)


def values(file: TextIO, most: int) -> Iterator[str | Cut]:
    """The text of each value, of an array's elements one by one; at last a Cut where one is broken or above `most`."""
    window = Window(file)
    window.skip(BLANK)
    is_array = window.head() == "["
    if is_array:
        window.at += 1
    while True:
        window.skip(BETWEEN)
        if not window.head():
            if is_array:
                yield Cut("the array has no end", "")
            return
        if is_array and window.head() == "]":
            window.at += 1
            is_array = False  # what follows is another value, or nothing
            continue
        value = window.value(most)
        yield value
        if isinstance(value, Cut):
            return


class Window:
    """What has been read of a file and not been used: grows until it holds a whole value."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.text, self.at = file, "", 0
        self.scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode  # where it ends is all that is asked

    def grow(self) -> bool:
        """Reads as much again, so that a long value is scanned a few times only; False at the end of the file."""
        more = self.file.read(max(MIB, len(self.text) - self.at))
        if more:
            self.text, self.at = self.text[self.at :] + more, 0
        return bool(more)

    def head(self) -> str:
        """The next character; "" at the end."""
        if self.at == len(self.text):
            self.grow()
        return self.text[self.at : self.at + 1]

    def skip(self, what: re.Pattern[str]) -> None:
        while self.head() and (end := what.match(self.text, self.at).end()) > self.at:  # type: ignore[union-attr]
            self.at = end

    def value(self, most: int) -> str | Cut:
        while True:
            try:
                _, end = self.scan(self.text, self.at)
                is_number = self.text[self.at] in "-0123456789"  # may go on in what was not read: 1|2, 0|.5
                if not is_number or len(self.text) - end > LONGEST_MARK or not self.grow():
                    value, self.at = self.text[self.at : end], end
                    return value
            except (json.JSONDecodeError, RecursionError) as error:
                fault = str(error) or type(error).__name__
                if len(self.text) - self.at > most:
                    return Cut(f"no whole value in max_record_bytes = {most:,}: {fault}", self.text[self.at :])
                if not self.grow():
                    return Cut(fault, self.text[self.at :])
