"""A sample of a folder's documents, and what it shows: texts, encodings, licences, the values of short fields."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from commands.init.bad_records import BadRecords
from commands.init.fields import LICENCE_FIELDS, NO_TEXT, reader
from tasks.ingest.kinds import PACKED as PACKED_TEXT
from tasks.ingest.read.shared_encoding import SharedEncoding, head_of, shared_by
from tasks.ingest.sources import MIB, FolderSource
from tasks.ingest.walk import SourceWalk, first_names

FILE_BYTES = MIB  # of text, at most, of one file among many: one long book is no sample
PACKING = 4.0  # bytes of records in one byte of a compressed file, a guess
PACKED = (*PACKED_TEXT, ".parquet", ".zip")
REPAIRS = 4  # kinds of them that are shown
VALUE_CHARACTERS = 60  # a longer value is neither a class nor a language
NEARLY_ALL = 0.9  # of the documents have such a field
MIN_CLASSIFIED = 45  # documents: fewer are not enough for a classifier
MIN_LABELLED = 0.5  # of the documents have such a field: those without it are no rows of a classifier
CLASSES, MIN_CLASS_SHARE = range(2, 13), 0.02
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")
CLASS_FIELDS = ("label", "category", "class")  # common names of a field of classes


class Kind(NamedTuple):
    """The files of one ending; documents and text are counted in the sample and scaled to all of them."""

    files: int
    bytes: int  # on disk
    documents: int
    text_bytes: int


@dataclass
class Sample:
    """The documents read so far."""

    source: FolderSource
    walk: SourceWalk
    texts: list[str] = field(default_factory=list)
    bytes: int = 0  # of text
    kinds: dict[str, Kind] = field(default_factory=dict)
    read_bytes: float = 0.0  # of files
    bad: BadRecords = field(default_factory=BadRecords)
    encodings: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    licence_field: str | None = None
    closed: list[str] = field(default_factory=list)  # files that cannot be opened
    fields: dict[str, None] = field(default_factory=dict)  # the names of metadata, in the order in which they came
    values: dict[str, Counter[str]] = field(default_factory=dict)  # of each short field of the records

    @cached_property
    def shared(self) -> SharedEncoding:
        """The encoding that the folder's texts have in common."""
        return shared_by(self.walk.files, lambda name, size: head_of(self.walk.root / name, size), self.source)

    def add(self, end: str, names: list[str], max_bytes: float, until: float) -> None:
        """Reads files of one ending, at least one, and scales their counts to all of them."""
        read_bytes, documents, text_bytes = 0.0, 0, 0
        for name in names:
            if documents and (text_bytes > max_bytes or time.monotonic() > until):
                break
            size = self.walk.files[name][0]
            count, text, share = self._file(end, name, max(FILE_BYTES, max_bytes / len(names)), until)
            read_bytes, documents, text_bytes = read_bytes + size * share, documents + count, text_bytes + text
        all_bytes = sum(self.walk.files[name][0] for name in names)
        scale = all_bytes / read_bytes if read_bytes else 1.0
        self.kinds[end] = Kind(len(names), all_bytes, round(documents * scale), round(text_bytes * scale))
        self.bytes += text_bytes
        self.read_bytes += read_bytes

    def _file(self, end: str, name: str, max_bytes: float, until: float) -> tuple[int, int, float]:
        """Documents, bytes of text, and the share of the file that was read for them."""
        count, text_bytes, record_bytes = 0, 0, 0
        for document in self._documents(end, name):
            fields = document.metadata["fields"]
            self.texts.append(document.text)
            self._count_values(fields)
            count += 1
            size = len(document.text.encode())
            text_bytes += size
            record_bytes += size + sum(len(str(k)) + len(str(v)) + 6 for k, v in fields.items()) + 12
            if text_bytes > max_bytes or time.monotonic() > until:
                on_disk = record_bytes / PACKING if end in PACKED else record_bytes
                return count, text_bytes, min(1.0, on_disk / self.walk.files[name][0])
        return count, text_bytes, 1.0

    def _documents(self, end: str, name: str) -> Iterator[Any]:
        try:
            yield from reader(self.source, end, self.bad, self.shared).read_file(name)
        except OSError as error:
            self.closed.append(name)
            self.bad.add_reason(
                f"a file that cannot be opened ({error.strerror}): change its permissions, or exclude it"
            )

    def other_fields(self) -> tuple[str, ...]:
        """The names of the documents' metadata, in the order in which they came."""
        return tuple(self.fields)

    def _count_values(self, fields: Mapping[str, Any]) -> None:
        self.fields |= dict.fromkeys(fields)
        for name, value in fields.items():
            if isinstance(value, str | int) and len(str(value)) <= VALUE_CHARACTERS:
                self.values.setdefault(name, Counter())[str(value)] += 1
        self.encodings.update([fields["encoding"]] if fields.get("encoding") else [])
        for name in LICENCE_FIELDS:
            if fields.get(name):
                self.licence_field = name
                self.licences[str(fields[name])] += 1

    def notes(self) -> list[str]:
        closed = [f"{len(self.closed):,} files cannot be opened: {first_names(self.closed)}"] if self.closed else []
        return closed + [f"{what}: {count:,}" for what, count in self.bad.repairs.most_common(REPAIRS)]

    def language_field(self) -> str | None:
        """The field that names a language for nearly every document."""
        for name in ("language", "lang"):
            values = self.values.get(name, Counter())
            if values.total() > NEARLY_ALL * len(self.texts) and all(map(LANGUAGE_CODE.fullmatch, values)):
                return name
        return None

    def label_field(self) -> str | None:
        """The field that sorts most documents into a few classes, none of them rare; preferably one named so."""
        from tasks.finetune.columns import OWN

        count = len(self.texts)
        for name, values in sorted(self.values.items(), key=lambda field: field[0].lower() not in CLASS_FIELDS):
            has_classes = len(values) in CLASSES and values.total() >= max(MIN_CLASSIFIED, MIN_LABELLED * count)
            is_column = name.lower() not in {*NO_TEXT, *OWN} and not {'"', "'"} & {*name}
            if has_classes and is_column and min(values.values()) > MIN_CLASS_SHARE * count:
                return name
        return None
