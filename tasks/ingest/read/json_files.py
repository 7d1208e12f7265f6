"""JSON files: every value is a record, be it an element of one array, a single object, or one of several objects."""

import io
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from datatrove.data import Document

from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.encodings import UTF8
from tasks.ingest.read.json_lines import UNICODE, JsonLines
from tasks.ingest.read.plain import encoding_field, whole_characters
from tasks.ingest.readers import BadRecord
from tasks.ingest.unpack import count_rest
from tasks.json_values import BrokenValue, json_values


class JsonFiles(JsonLines):
    """Documents of the values, one in memory at a time. A single object without a text is settings, and no fault."""

    name = "🧾 JSON"
    is_single = False

    def read_file(self, filepath: str) -> Iterator[Document]:
        position = -1
        with self.data_folder.open(filepath, "rb") as file:
            head = file.read(MIB)
            file.seek(0)
            encoding = self.detect(whole_characters(head))
            self.encoding, self.extra = UTF8, encoding_field(encoding)
            is_unicode = encoding.startswith(UNICODE)
            codec = "utf-8-sig" if encoding == UTF8 else encoding
            text = io.TextIOWrapper(file, codec, errors="surrogatepass" if is_unicode else "surrogateescape")
            try:
                values = json_values(text, self.rules.max_record_bytes)
                first = list(islice(values, 2))
                self.is_single = len(first) == 1
                for position, value in enumerate(chain(first, values)):
                    if isinstance(value, BrokenValue):
                        self.report(value, position, lambda: count_rest(file))
                        continue
                    raw = self.whole_characters(value) if is_unicode else value.encode(errors="surrogateescape")
                    if document := self.parse(raw, filepath, position):
                        yield document
            except UnicodeError as error:
                self.quarantine(BadRecord(position + 1, f"unreadable from here on: {error}", b""))

    def document(self, record: Any, path: str, position: int, raw: bytes | None = None) -> Document | None:
        if self.is_single and isinstance(record, dict) and not any(name in record for name in self.rules.text_fields):
            self.quarantine(BadRecord(position, self.fault(record) or "", (raw or b"")[:RAW_BYTES], is_ignored=True))
            return None
        return super().document(record, path, position, raw)
