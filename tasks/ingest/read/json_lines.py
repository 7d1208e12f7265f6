"""JSON Lines: a line is a record; a file that was written as an array, or over several lines, is read by its values."""

import codecs
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TextIO, cast

import orjson
from datatrove.data import Document
from datatrove.pipeline.readers.jsonl import JsonlReader

from tasks.ingest.lines import MIB, RAW_BYTES, LongLine, lines
from tasks.ingest.read.encodings import GUESSED, UTF8, UTF8_MARK, Undecodable, decode_as, encoding_of, is_utf8
from tasks.ingest.read.lenient_json import LONE_SURROGATES, has_large_number, lenient_value, names_twice
from tasks.ingest.read.plain import encoding_field, whole_characters
from tasks.ingest.read.utf8 import CUT, mend
from tasks.ingest.readers import BadRecord, QuarantiningReader, bytes_fault
from tasks.ingest.unpack import BREAKS, blocks, break_reason, bytes_left
from tasks.json_values import BrokenValue, json_values
from tasks.readable_numbers import bytes_in_words

MIN_OTHERS = 0.1  # of the first records are not UTF-8 where an encoding is guessed
UNICODE = ("utf-16", "utf-32")  # how the names of encodings begin whose lines end in several bytes
HALF, NO_BYTE = re.compile("[\ud800-\udfff]"), re.compile("[\ud800-\udc7f\udd00-\udfff]")  # of UTF-16
JsonRecord = bytes | LongLine | BrokenValue


class JsonLines(QuarantiningReader, JsonlReader):
    """JSON Lines, plain or compressed."""

    encoding = UTF8  # of the lines
    extra: Mapping[str, str] = {}  # metadata of all records

    def read_file(self, filepath: str) -> Iterator[Document]:
        position = -1
        with self.data_folder.open(filepath, "rb") as file:
            try:
                unpacked = self.begin(blocks(file, filepath, self.rules.max_expansion))
                for position, record in enumerate(self.records(unpacked)):
                    if isinstance(record, BrokenValue):
                        self.report(record, position, lambda: bytes_left(file))
                    elif document := self.parse(record, filepath, position):
                        yield document
            except BREAKS as error:
                fault = f"unreadable from here on: {break_reason(error)}"
                lost = bytes_left(file) if position >= 0 else file.seek(0, 2)
                self.quarantine(BadRecord(position + 1, fault, b"", lost_bytes=lost))

    def begin(self, unpacked: Iterator[bytes]) -> Iterator[bytes]:
        """The file's bytes once its encoding is known; those of UTF-16 and UTF-32 as UTF-8."""
        head = next(unpacked, b"")
        unpacked = chain([head], unpacked)
        self.encoding = self.detect(whole_characters(head))
        self.extra = encoding_field(self.encoding)
        if not self.encoding.startswith(UNICODE):
            return unpacked
        encoding, self.encoding = self.encoding, UTF8
        return self.in_utf8(unpacked, encoding)

    def detect(self, head: bytes) -> str:
        """The encoding of a file; UTF-8 where nothing shows another: records that are not UTF-8 are bad."""
        try:
            detected = encoding_of(head, self.shared)
        except Undecodable:
            return UTF8
        records = head.split(b"\n")
        others = sum(not (record.isascii() or is_utf8(record)) for record in records)
        if GUESSED.format(detected.encoding) in detected.notes and others < MIN_OTHERS * len(records):
            return UTF8  # as JSON should be (RFC 8259): a few damaged records are no reason to guess
        self.report_repairs(detected.notes)
        return detected.encoding

    def in_utf8(self, unpacked: Iterable[bytes], encoding: str) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")
        for block in unpacked:
            yield self.whole_characters(decoder.decode(block))
        if decoder.getstate()[0]:
            self.report_repairs({CUT: 1})

    def whole_characters(self, text: str) -> bytes:
        """The text in UTF-8, with U+FFFD for half characters."""
        whole, halves = HALF.subn("\ufffd", text)
        self.report_repairs({LONE_SURROGATES: halves} if halves else {})
        return whole.encode()

    def records(self, unpacked: Iterator[bytes]) -> Iterator[JsonRecord]:
        """The lines, or the values where the first lines are no records but the beginning of one."""
        head = next(unpacked, b"")
        unpacked = chain([head], unpacked)
        if self.encoding != UTF8 or _is_by_line(head):
            return lines(unpacked, self.rules.max_record_bytes)
        values = json_values(cast(TextIO, _Utf8Text(unpacked)), self.rules.max_record_bytes)
        return (v.encode(errors="surrogateescape") if isinstance(v, str) else v for v in values)

    def report(self, broken: BrokenValue, position: int, count_rest: Callable[[], int]) -> None:
        lost = broken.bytes + (count_rest() if broken.is_last else 0)
        fault = f"not JSON: {broken.fault}"
        if broken.is_last:
            what = f": {bytes_in_words(lost)} are not read" if lost else ""
            fault = f"unreadable from here on: {broken.fault}{what}"
        raw = NO_BYTE.sub("\ufffd", broken.rest).encode(errors="surrogateescape")[:RAW_BYTES]
        self.quarantine(BadRecord(position, fault, raw, lost_bytes=lost))

    def parse(self, line: bytes | LongLine, path: str, position: int) -> Document | None:
        if isinstance(line, LongLine):
            limit = f"max_record_bytes = {self.rules.max_record_bytes:,}"
            self.quarantine(BadRecord(position, f"a line of {line.size:,} bytes: more than {limit}", line.head))
            return None
        if position == 0:
            line = line.removeprefix(UTF8_MARK)
        if not line.strip():
            return None
        try:
            record, repairs = _parse(line, self.encoding, self.rules.text_fields)
        except (orjson.JSONDecodeError, Undecodable) as error:
            self.quarantine(BadRecord(position, bytes_fault(line) or f"not JSON: {error}", line[:RAW_BYTES]))
            return None
        if isinstance(record, dict):
            record = {**self.extra, **record}
        if document := self.document(record, path, position, line):
            self.report_repairs(repairs)
        return document


class _Utf8Text:
    """The text of blocks of bytes, to be read as a file's is."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.pieces, self.rest = codecs.iterdecode(blocks, "utf-8-sig", errors="surrogateescape"), ""

    def read(self, size: int) -> str:
        """So many characters, fewer at the end alone."""
        text, length = [self.rest], len(self.rest)
        while length < size and (piece := next(self.pieces, "")):
            text.append(piece)
            length += len(piece)
        joined = "".join(text)
        self.rest = joined[size:]
        return joined[:size]


def _is_by_line(head: bytes) -> bool:
    """Whether one of the first two lines is a record, or both are values; or no object stands at the beginning."""
    first = [line for line in head[:MIB].removeprefix(UTF8_MARK).split(b"\n", 20) if line.strip()][:2]
    parsed = [_parsed(line) for line in first]
    if not first or (first[0].strip() != b"[" and any(isinstance(value, dict) for value in parsed)):
        return True
    if len(parsed) == 2 and None not in parsed:
        return True
    text = head.removeprefix(UTF8_MARK).decode(errors="surrogateescape")
    value = next(json_values(io.StringIO(text), len(text)), None)
    return not (isinstance(value, str) and value.startswith("{"))


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        value = lenient_value(line.decode(errors="replace"))
        return value and value[0]


def _parse(line: bytes, encoding: str, text_fields: tuple[str, ...]) -> tuple[Any, Mapping[str, int]]:
    """The value of a line, and what had to be mended to read it; JSONDecodeError where it is no JSON."""
    try:
        if not has_large_number(line) and not names_twice(line, text_fields):
            return orjson.loads(line), {}
    except orjson.JSONDecodeError:
        pass
    if encoding == UTF8 or is_utf8(line):
        mended = mend(line.decode(errors="surrogateescape"))
    else:
        mended = decode_as(line, encoding)
    value = lenient_value(mended.text) if mended else None
    if mended is None or value is None:
        orjson.loads(line)  # for its account of the fault
        raise Undecodable("it is nested too deeply")
    return value[0], Counter(mended.repairs) + Counter(value[1])
