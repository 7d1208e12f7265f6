"""JSON files: the objects of one array, one object, or several after another; read in pieces, whatever their size."""

import io
import json
import re
from collections.abc import Iterator
from typing import TextIO

from datatrove.data import Document

from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.encodings import UTF16
from tasks.ingest.readers import Bad, Lines

ENDS_A_NUMBER = (*" \t\r\n,]",)
BLANK, BETWEEN = re.compile(r"\s*"), re.compile(r"[\s,]*")


class Cut(Exception):
    """A file that ends, or stops being JSON, before its last value does. `rest` is where."""

    def __init__(self, what: str, rest: str) -> None:
        super().__init__(what)
        self.rest = rest


class JsonFiles(Lines):
    """Every value is a record; memory holds one of them."""

    name = "🧾 JSON"

    def read_file(self, filepath: str) -> Iterator[Document]:
        position = -1
        with self.data_folder.open(filepath, "rb") as file:
            encoding = "utf-16" if file.read(2) in UTF16 else "utf-8-sig"
            file.seek(0)
            text = io.TextIOWrapper(file, encoding, errors="surrogateescape")
            try:
                for position, value in enumerate(values(text, self.rules.max_record_bytes)):
                    raw = value.encode(errors="surrogateescape")
                    if document := self.parse(raw, filepath, position):
                        yield document
            except Cut as fault:
                raw = fault.rest.encode(errors="surrogateescape")[:RAW_BYTES]
                self.quarantine(Bad(position + 1, f"unreadable from here on: {fault}", raw))
            except UnicodeError as error:
                self.quarantine(Bad(position + 1, f"unreadable from here on: {error}", b""))


def values(file: TextIO, most: int) -> Iterator[str]:
    """The text of each value, of an array's elements one by one; Cut where one is broken or longer than `most`."""
    window = Window(file)
    window.skip(BLANK)
    is_array = window.head() == "["
    if is_array:
        window.at += 1
    while True:
        window.skip(BETWEEN)
        if not window.head():
            if is_array:
                raise Cut("the array has no end", "")
            return
        if is_array and window.head() == "]":
            window.at += 1
            is_array = False  # what follows is another value, or nothing
            continue
        yield window.value(most)


class Window:
    """What has been read of a file and not been used: grows until it holds a whole value."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.text, self.at = file, "", 0
        self.scan = json.JSONDecoder().raw_decode

    def grow(self) -> bool:
        """Reads as much again, so that a long value is scanned a few times only; False at the end of the file."""
        more = self.file.read(max(MIB, len(self.text) - self.at))
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

    def value(self, most: int) -> str:
        while True:
            try:
                _, end = self.scan(self.text, self.at)
                is_number = self.text[self.at] in "-0123456789"  # may go on in what was not read: 1|2, 0|.5
                if not is_number or self.text[end : end + 1] in ENDS_A_NUMBER or not self.grow():
                    value, self.at = self.text[self.at : end], end
                    return value
            except (json.JSONDecodeError, RecursionError) as error:
                fault = str(error) or type(error).__name__
                if len(self.text) - self.at > most:
                    raise Cut(f"no whole value in max_record_bytes = {most:,}: {fault}", self.text[self.at :]) from None
                if not self.grow():
                    raise Cut(fault, self.text[self.at :]) from None
