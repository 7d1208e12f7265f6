"""JSON files: every value is a record, be it an element of one array, a single object, or one of several objects."""

import io
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

from datatrove.data import Document

from tasks.ingest.lines import RAW_BYTES
from tasks.ingest.read.encodings import UTF16
from tasks.ingest.readers import BadRecord, JsonLines
from tasks.ingest.unpack import count_rest
from tasks.json_values import BrokenValue, json_values
from tasks.readable_numbers import bytes_in_words


class JsonFiles(JsonLines):
    """Documents of the values, one in memory at a time. A single object without a text is settings, and no fault."""

    name = "🧾 JSON"
    is_single = False

    def read_file(self, filepath: str) -> Iterator[Document]:
        position = -1
        with self.data_folder.open(filepath, "rb") as file:
            encoding = "utf-16" if file.read(2) in UTF16 else "utf-8-sig"
            file.seek(0)
            text = io.TextIOWrapper(file, encoding, errors="surrogateescape")
            try:
                values = json_values(text, self.rules.max_record_bytes)
                first = list(islice(values, 2))
                self.is_single = len(first) == 1
                for position, value in enumerate(chain(first, values)):
                    if isinstance(value, BrokenValue):
                        self.report(value, position, file)
                        continue
                    raw = value.encode(errors="surrogateescape")
                    if document := self.parse(raw, filepath, position):
                        yield document
            except UnicodeError as error:
                self.quarantine(BadRecord(position + 1, f"unreadable from here on: {error}", b""))

    def report(self, broken: BrokenValue, position: int, file: BinaryIO) -> None:
        lost = broken.bytes + (count_rest(file) if broken.is_last else 0)
        fault = f"not JSON: {broken.fault}"
        if broken.is_last:
            what = f": {bytes_in_words(lost)} are not read" if lost else ""
            fault = f"unreadable from here on: {broken.fault}{what}"
        raw = broken.rest.encode(errors="surrogateescape")[:RAW_BYTES]
        self.quarantine(BadRecord(position, fault, raw, lost_bytes=lost))

    def document(self, record: Any, path: str, position: int, raw: bytes | None = None) -> Document | None:
        if self.is_single and isinstance(record, dict) and not any(name in record for name in self.rules.text_fields):
            self.quarantine(BadRecord(position, self.fault(record) or "", (raw or b"")[:RAW_BYTES], is_ignored=True))
            return None
        return super().document(record, path, position, raw)
