"""datatrove readers that lose nothing: a record that cannot be used is reported with its position and a reason.

datatrove's own readers log a warning and go on, or fail. These pass each bad record to `quarantine` and yield the
documents around it, so they stay valid first steps of a datatrove pipeline. Memory is bounded whatever a file claims to
hold.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson
from datatrove.data import Document
from datatrove.io import DataFolder
from datatrove.pipeline.readers.base import BaseDiskReader

from tasks.ingest.conversations import is_conversation, joined
from tasks.ingest.lines import RAW_BYTES
from tasks.ingest.read.encodings import MAX_NUL_SHARE, NULS, UTF16
from tasks.ingest.read.shared_encoding import SharedEncoding
from tasks.ingest.sources import Reading

NUMBER = re.compile(r"0x[0-9a-f]{2}|(?<!\w)(?<![A-Za-z]-)\d[\d,]*")  # but not the 8 of UTF-8


class BadRecord(NamedTuple):
    """A record that cannot be used."""

    position: int  # of the record in its file, from 0
    reason: str
    raw: bytes
    member: str = ""  # its path in an archive
    is_ignored: bool = False  # not damaged, but no record for training: never a reason to stop the run
    lost_bytes: int = 0  # of the file, on disk: what follows the record and was not read either


class Repair(NamedTuple):
    """What was changed in a file, or left out of it, while its records were kept."""

    what: str
    count: int = 1
    member: str = ""  # its path in an archive


Quarantine = Callable[[BadRecord | Repair], None]


def without_numbers(reason: str) -> str:
    """A reason with … for its numbers: reasons that differ in these alone count as one."""
    return NUMBER.sub("…", reason)


class QuarantiningReader(BaseDiskReader):
    """A reader whose records become documents or go to the quarantine.

    A document's metadata is {"position": the record's, "fields": all that it held beside id and text}.
    """

    def __init__(
        self, folder: DataFolder, rules: Reading, quarantine: Quarantine, shared: SharedEncoding | None = None
    ) -> None:
        super().__init__(folder)
        self.rules, self.quarantine, self.add_file_path = rules, quarantine, False
        self.shared = shared or SharedEncoding(rules.encoding)

    def report_repairs(self, repairs: Mapping[str, int]) -> None:
        """Counts changes that cost no record: a note of the run names the files."""
        for what, count in repairs.items():
            self.quarantine(Repair(what, count))

    def document(self, record: Any, path: str, position: int, raw: bytes | None = None) -> Document | None:
        if isinstance(record, dict) and is_conversation(value := record.get(name := self.text_field_of(record))):
            record = record | {name: joined(value)}
        record = self.without_nuls(record)
        if reason := self.fault(record):
            shown = repr(record).encode(errors="replace") if raw is None else raw
            self.quarantine(BadRecord(position, reason, shown[:RAW_BYTES]))
            return None
        return self.get_document_from_dict(record, path, position)

    def without_nuls(self, record: Any) -> Any:
        """The record with U+FFFD in place of a few NUL characters in its text: they are no reason to lose it."""
        name = self.text_field_of(record) if isinstance(record, dict) else ""
        text = record.get(name) if name else None
        if not isinstance(text, str) or not 0 < (nuls := text.count("\0")) <= max(1, MAX_NUL_SHARE * len(text)):
            return record
        self.report_repairs({NULS: nuls})
        return record | {name: text.replace("\0", "\ufffd")}

    def fault(self, record: Any) -> str | None:
        """The reason why a record cannot be used; None where it can."""
        if not isinstance(record, dict):
            return f"{_kind(record)} in place of an object"
        name = self.text_field_of(record)
        if name not in record:
            wanted = " or ".join(map(repr, self.rules.text_fields))
            return f"no field {wanted}, only {', '.join(map(repr, list(record)[:8]))[:200] or 'none'}"
        text = record[name]
        if not isinstance(text, str):
            return f"{name!r} is {_kind(text)}, not a string"
        return _text_fault(text, self.rules.max_record_bytes) or _metadata_fault(record)

    def whole(self, text: str, path: str, raw: bytes, fields: dict[str, Any] | None = None) -> Document | None:
        """The text of a whole file as one document, whose id is the path."""
        record = {**(fields or {}), self.rules.text_fields[0]: text, self.rules.id_field: path}
        return self.document(record, path, 0, raw)

    def text_field_of(self, record: dict[str, Any]) -> str:
        """The first of the source's text fields that the record has; the first of all where it has none."""
        return next((name for name in self.rules.text_fields if name in record), self.rules.text_fields[0])

    def _default_adapter(self, data: dict[str, Any], path: str, id_in_file: int | str) -> dict[str, Any]:
        text = data.pop(self.text_field_of(data))
        identity = data.pop(self.rules.id_field, None) if _is_name(data.get(self.rules.id_field)) else None
        inner = data.pop("metadata") if isinstance(data.get("metadata"), dict) else {}
        return {
            "text": text,
            "id": f"{path}#{id_in_file}" if identity in (None, "") else str(identity),
            "metadata": {"position": id_in_file, "fields": inner | data},
        }


def bytes_fault(raw: bytes) -> str | None:
    """The reason why these bytes are no text; None where they are UTF-8."""
    if raw.startswith(UTF16):
        return "UTF-16 text: UTF-8 is expected"
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return f"invalid UTF-8 at byte {error.start} (0x{raw[error.start]:02x})"
    return "NUL byte" if b"\0" in raw else None


def _is_name(identity: Any) -> bool:
    """Whether the value can be an id: a record whose "id" is a fraction or a list is named by its position."""
    return isinstance(identity, str | int | None) and not isinstance(identity, bool)


def _text_fault(text: str, max_bytes: int) -> str | None:
    if not text.strip():
        return "empty text"
    if not text.replace("\ufffd", "").strip():
        return "no text but U+FFFD, the sign for what is no character"
    if "\0" in text:
        return "NUL byte"
    if len(text) > max_bytes:
        return f"a text of {len(text):,} characters: more than max_record_bytes = {max_bytes:,}"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"half of a character (a lone surrogate) at {error.start}"
    return None


def _metadata_fault(record: dict[str, Any]) -> str | None:
    nested = {name: value for name, value in record.items() if isinstance(value, dict | list)}
    try:
        as_json({"": nested})
    except TypeError as error:
        return f"metadata that cannot be stored as JSON: {error}"
    return None


def as_json(metadata: dict[str, Any]) -> str:
    """Metadata as one JSON object; TypeError where it is nested too deeply."""
    return orjson.dumps(metadata, default=_as_string, option=orjson.OPT_NON_STR_KEYS).decode()


def _as_string(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _kind(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {value}"
    named = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return named.get(type(value), f"a {type(value).__name__}")
