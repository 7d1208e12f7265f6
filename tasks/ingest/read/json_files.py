"""JSON files: every value is a record, be it an element of one array, a single object, or one of several objects."""

import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

from datatrove.data import Document

from tasks.ingest.lines import RAW_BYTES
from tasks.ingest.read.encodings import UTF16
from tasks.ingest.read.lenient_json import LONE_SURROGATES
from tasks.ingest.readers import BadRecord, JsonLines
from tasks.ingest.unpack import count_rest
from tasks.json_values import BrokenValue, json_values
from tasks.readable_numbers import bytes_in_words

HALF, NO_BYTE = re.compile("[\ud800-\udfff]"), re.compile("[\ud800-\udc7f\udd00-\udfff]")  # of UTF-16


class JsonFiles(JsonLines):
    """Documents of the values, one in memory at a time. A single object without a text is settings, and no fault."""

    name = "🧾 JSON"
    is_single = False

    def read_file(self, filepath: str) -> Iterator[Document]:
        position = -1
        with self.data_folder.open(filepath, "rb") as file:
            encoding = "utf-16" if file.read(2) in UTF16 else "utf-8-sig"
            file.seek(0)
            errors = "surrogatepass" if encoding == "utf-16" else "surrogateescape"
            text = io.TextIOWrapper(file, encoding, errors=errors)
            try:
                values = json_values(text, self.rules.max_record_bytes)
                first = list(islice(values, 2))
                self.is_single = len(first) == 1
                for position, value in enumerate(chain(first, values)):
                    if isinstance(value, BrokenValue):
                        self.report(value, position, file)
                        continue
                    raw = value.encode(errors="surrogateescape") if encoding != "utf-16" else self.whole_utf16(value)
                    if document := self.parse(raw, filepath, position):
                        yield document
            except UnicodeError as error:
                self.quarantine(BadRecord(position + 1, f"unreadable from here on: {error}", b""))

    def whole_utf16(self, value: str) -> bytes:
        halves = len(HALF.findall(value))
        self.report_repairs({LONE_SURROGATES: halves} if halves else {})
        return HALF.sub("\ufffd", value).encode()

    def report(self, broken: BrokenValue, position: int, file: BinaryIO) -> None:
        lost = broken.bytes + (count_rest(file) if broken.is_last else 0)
        fault = f"not JSON: {broken.fault}"
        if broken.is_last:
            what = f": {bytes_in_words(lost)} are not read" if lost else ""
            fault = f"unreadable from here on: {broken.fault}{what}"
        raw = NO_BYTE.sub("\ufffd", broken.rest).encode(errors="surrogateescape")[:RAW_BYTES]
        self.quarantine(BadRecord(position, fault, raw, lost_bytes=lost))

    def document(self, record: Any, path: str, position: int, raw: bytes | None = None) -> Document | None:
        if self.is_single and isinstance(record, dict) and not any(name in record for name in self.rules.text_fields):
            self.quarantine(BadRecord(position, self.fault(record) or "", (raw or b"")[:RAW_BYTES], is_ignored=True))
            return None
        return super().document(record, path, position, raw)
