"""Plain text in any encoding: a file is a document, and a file too large for that is cut at blank lines."""

from collections.abc import Iterator
from typing import BinaryIO

from datatrove.data import Document

from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.encodings import UTF8, UTF16, Decoded, Undecodable, decode, encoding_of
from tasks.ingest.readers import Bad, Checked

PART_BYTES = 128 << 10  # of a file that is cut: some forty pages
CUTS = (b"\n\n", b"\r\n\r\n", b"\n", b" ")  # where a part ends, the best first


class Texts(Checked):
    """One document a file, its id is the file's path; of a file above `max_record_bytes` many, numbered."""

    name = "📄 Text"

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            raw = file.read(self.rules.max_record_bytes + 1)
            if len(raw) > self.rules.max_record_bytes:
                yield from self.parts(raw, file, filepath)
                return
        try:
            decoded = self.text_of(raw)
        except Undecodable as fault:
            self.quarantine(Bad(0, str(fault), raw[:RAW_BYTES]))
            return
        if document := self.whole(decoded.text, filepath, raw, encoding_field(decoded.encoding)):
            yield document

    def text_of(self, raw: bytes) -> Decoded:
        return decode(raw)

    def parts(self, head: bytes, file: BinaryIO, path: str) -> Iterator[Document]:
        """Each part by itself: one that cannot be decoded is told, and the next is read."""
        try:
            encoding = encoding_of(_whole_characters(head))
        except Undecodable:
            encoding = UTF8  # and the parts at fault are told
        if head.startswith(UTF16):
            limit = f"max_record_bytes = {self.rules.max_record_bytes:,}"
            self.quarantine(Bad(0, f"UTF-16 text of more than {limit}: save it as UTF-8", head[:RAW_BYTES]))
            return
        for position, raw in enumerate(cut(head, file, min(PART_BYTES, self.rules.max_record_bytes))):
            try:
                text = raw.decode(encoding).removeprefix("\ufeff")
            except UnicodeDecodeError as error:
                fault = f"invalid {encoding} at byte {error.start} of this part (0x{raw[error.start]:02x})"
                self.quarantine(Bad(position, fault, raw[:RAW_BYTES]))
                continue
            named = {self.rules.text_fields[0]: text, self.rules.id_field: f"{path}#{position}"}
            record = {"part": position, **encoding_field(encoding), **named}
            if text.strip() and (document := self.document(record, path, position, raw)):
                document.metadata["is_part"] = True
                yield document


def encoding_field(encoding: str) -> dict[str, str]:
    """What a document's metadata say of its encoding: nothing where it is UTF-8."""
    return {} if encoding == UTF8 else {"encoding": encoding}


def cut(head: bytes, file: BinaryIO, most: int) -> Iterator[bytes]:
    """The bytes of head and file in parts of at most `most`, cut at a blank line, else a line's end, else a blank."""
    kept = head
    while kept:
        while len(kept) > most:
            end = _end(kept[:most])
            yield kept[:end]
            kept = kept[end:]
        more = file.read(MIB)
        if not more:
            yield kept
            return
        kept += more


def _end(raw: bytes) -> int:
    for mark in CUTS:
        if (at := raw.rfind(mark)) > 0:
            return at + len(mark)
    return len(_whole_characters(raw)) or len(raw)


def _whole_characters(raw: bytes) -> bytes:
    """Without the beginning of a UTF-8 character at its end."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte >= 0xC0:  # the first byte of a character: is all of it there?
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return raw if back >= needed else raw[:-back]
        if byte < 0x80:
            return raw
    return raw
