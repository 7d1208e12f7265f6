"""Plain text in any encoding: a file is one document; a file above `max_record_bytes` is cut at blank lines."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from datatrove.data import Document

from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.encodings import UTF8, Decoded, Undecodable, decode, decode_as, encoding_of
from tasks.ingest.readers import BadRecord, QuarantiningReader

PART_BYTES = 128 << 10  # of a file that is cut: some forty pages
CUTS = (b"\n\n", b"\r\n\r\n", b"\n", b" ")  # where a part ends, the best first


class TextFiles(QuarantiningReader):
    """One document per file, whose id is the file's path; of a large file its parts, numbered."""

    name = "📄 Text"

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            raw = file.read(self.rules.max_record_bytes + 1)
            if len(raw) > self.rules.max_record_bytes:
                yield from self.parts(raw, file, filepath)
                return
        if document := self.one(raw, filepath):
            yield document

    def one(self, raw: bytes, path: str) -> Document | None:
        """The document of a file that is not too large; None where it went to the quarantine."""
        try:
            decoded = self.text_of(raw)
        except Undecodable as fault:
            self.quarantine(BadRecord(0, str(fault), raw[:RAW_BYTES]))
            return None
        fields, body, repairs = self.split(decoded)
        if document := self.whole(body, path, raw, fields | encoding_field(decoded.encoding)):
            self.report_repairs(repairs)
        return document

    def text_of(self, raw: bytes) -> Decoded:
        return decode(raw, self.shared)

    def split(self, decoded: Decoded) -> tuple[dict[str, Any], str, Mapping[str, int]]:
        """What of the text is metadata, the rest, and what was repaired."""
        return {}, decoded.text, decoded.repairs

    def parts(self, head: bytes, file: BinaryIO, path: str) -> Iterator[Document]:
        """The parts of a large file; one that cannot be decoded goes to the quarantine, and the next is read."""
        try:
            encoding = encoding_of(whole_characters(head), self.shared).encoding
        except Undecodable:
            encoding = UTF8  # and the parts that are not go to the quarantine
        if encoding.startswith(("utf-16", "utf-32")):
            limit = f"max_record_bytes = {self.rules.max_record_bytes:,}"
            self.quarantine(
                BadRecord(0, f"{encoding.upper()} text of more than {limit}: save it as UTF-8", head[:RAW_BYTES])
            )
            return
        for position, raw in enumerate(split_bytes(head, file, min(PART_BYTES, self.rules.max_record_bytes))):
            try:
                decoded = decode_as(raw, encoding)
            except Undecodable as fault:
                self.quarantine(BadRecord(position, f"{fault} of part {position + 1}", raw[:RAW_BYTES]))
                continue
            named = {self.rules.text_fields[0]: decoded.text, self.rules.id_field: f"{path}#{position}"}
            record = {"part": position, **encoding_field(encoding), **named}
            if decoded.text.strip() and (document := self.document(record, path, position, raw)):
                self.report_repairs(decoded.repairs)
                document.metadata["is_part"] = True
                yield document


def encoding_field(encoding: str) -> dict[str, str]:
    """The metadata field for the encoding; none where it is UTF-8."""
    return {} if encoding == UTF8 else {"encoding": encoding}


def split_bytes(head: bytes, file: BinaryIO, max_bytes: int) -> Iterator[bytes]:
    """Head and file in parts of at most `max_bytes`, cut at a blank line, else at a line's end, else at a blank."""
    kept = head
    while kept:
        at = 0
        while len(kept) - at > max_bytes:
            end = at + _end(kept[at : at + max_bytes])
            yield kept[at:end]
            at = end
        more = file.read(MIB)
        if not more:
            yield kept[at:]
            return
        kept = kept[at:] + more


def _end(raw: bytes) -> int:
    for mark in CUTS:
        if (at := raw.rfind(mark)) > 0:
            return at + len(mark)
    return len(whole_characters(raw)) or len(raw)


def whole_characters(raw: bytes) -> bytes:
    """The bytes without an incomplete UTF-8 character at their end."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte >= 0xC0:  # the first byte of a character: is all of it there?
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return raw if back >= needed else raw[:-back]
        if byte < 0x80:
            return raw
    return raw
