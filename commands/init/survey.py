"""A look at a folder before anything is made of it: names and sizes of all files, and the text of a sample.

Files are opened in an order that tells nothing (by a hash of their names), each kind in its turn, until the sample is
large enough or its seconds are spent; what is said of the whole folder is the sample, scaled by bytes.
"""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from commands.init.fields import LICENCE_FIELDS, NO_TEXT, Fields, fields_of, reader
from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.kinds import PACKED as PACKED_TEXT
from tasks.ingest.kinds import ending
from tasks.ingest.listing import unsupported_note
from tasks.ingest.sources import MIB, FolderSource, UnsupportedFiles
from tasks.ingest.walk import SourceWalk, first_names, nothing_to_read, walk_source

SAMPLE_BYTES = 8 * MIB  # of text
SAMPLE_SECONDS = 5.0
FILE_BYTES = MIB  # of text of one file among many: one long book is no sample
PACKING = 4.0  # bytes of records in one byte of a compressed file, where nobody has counted
PACKED = (*PACKED_TEXT, ".parquet", ".zip")
LICENCE_FILES = re.compile(r"(?i)(licen[cs]e|copying|unlicense)([._-].*)?$")
LICENCES = {  # a phrase of the licence's own text → its SPDX name
    "Apache License": "Apache-2.0",
    "Permission is hereby granted, free of charge": "MIT",
    "CC0 1.0": "CC0-1.0",
    "Attribution-ShareAlike": "CC-BY-SA",
    "Attribution-NonCommercial": "CC-BY-NC",
    "Attribution 4.0": "CC-BY-4.0",
    "GNU GENERAL PUBLIC": "GPL",
    "public domain": "public domain",
}
CODE = re.compile(r"[a-z]{2,3}")
CLASSES = ("label", "category", "class")  # what a field of them is called


class Kind(NamedTuple):
    """The files of one ending: what they hold is counted in the sample and scaled."""

    files: int
    bytes: int  # on disk
    documents: int
    text_bytes: int


@dataclass(frozen=True)
class Survey:
    """What a look found."""

    path: Path
    root: Path  # of the names of its files
    kinds: Mapping[str, Kind]  # by ending
    unsupported: UnsupportedFiles
    notes: tuple[str, ...]
    texts: tuple[str, ...]  # of the sample
    languages: Mapping[str, float]  # share of the sample's characters, the largest first
    declared: str | None  # a field of the records that names their language
    encodings: Mapping[str, int]  # text files of the sample that are not UTF-8
    licences: Mapping[str, int]  # records or files that say so
    licence_field: str | None
    as_text: tuple[str, ...]  # endings to be read as plain text, as was asked
    text_fields: tuple[str, ...]
    examples: Mapping[str, str]  # text field → how a text in it begins
    headless: bool  # the tables of the sample have no line of column names
    label: str | None  # a field with few different values
    taught: Mapping[str, str]  # instruct or prefer → the largest file whose records are rows for that
    duplicates: float  # share of the sample's documents whose text came before
    bad: Mapping[str, int]  # reasons why records of the sample cannot be read
    bytes_per_second: float  # of reading

    @property
    def documents(self) -> int:
        return sum(kind.documents for kind in self.kinds.values())

    @property
    def text_bytes(self) -> int:
        return sum(kind.text_bytes for kind in self.kinds.values())


def survey(path: Path, home: Home, as_text: tuple[str, ...] = ()) -> Survey:
    """A look at the folder (or one file); UserError where it holds nothing that can be read."""
    found = walk_source(path.name or "folder", FolderSource(path=path, as_text=as_text), home)
    if not found.files:
        raise nothing_to_read("folder", found, is_new=True)
    by_ending: dict[str, list[str]] = {}
    for name in sorted(found.files, key=_shuffled):
        by_ending.setdefault(ending(name), []).append(name)
    fields = fields_of(path, by_ending, found.files)
    source = fields.source.model_copy(update={"as_text": as_text})
    looked = _Look(source, found)
    started = time.monotonic()
    for end, names in by_ending.items():
        looked.at(end, names, SAMPLE_BYTES / len(by_ending), started + SAMPLE_SECONDS)
    seconds = time.monotonic() - started
    for end, count in fields.members.items():
        found.unsupported.setdefault(end, {"files": 0, "bytes": 0})["files"] += count
    if not looked.texts:
        raise _nothing(path, looked, fields)
    return Survey(
        path=path,
        root=found.root,
        kinds={end: looked.kinds[end] for end in sorted(looked.kinds)},
        unsupported=found.unsupported,
        notes=(*found.notes, *looked.notes(), *fields.deeper),
        texts=tuple(looked.texts),
        languages=_languages(looked.texts),
        declared=looked.declared(),
        encodings=dict(looked.encodings.most_common()),
        licences=dict((looked.licences or _licence_files(found)).most_common()),
        licence_field=looked.licence_field,
        as_text=as_text,
        text_fields=source.text_fields,
        headless=not source.header,
        label=looked.label(),
        examples=fields.examples,
        taught=fields.taught,
        duplicates=1 - len(set(looked.texts)) / len(looked.texts),
        bad=dict(looked.bad.most_common()),
        bytes_per_second=looked.bytes / max(seconds, 1e-3),
    )


@dataclass
class _Look:
    """The sample as it grows."""

    source: FolderSource
    found: SourceWalk
    texts: list[str] = field(default_factory=list)
    bytes: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)
    bad: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    licence_field: str | None = None
    closed: list[str] = field(default_factory=list)  # files that may not be opened
    values: dict[str, Counter[str]] = field(default_factory=dict)  # of each short field of the records

    def at(self, end: str, names: list[str], most_bytes: float, until: float) -> None:
        """Reads files of one ending, one at least, and scales what they hold to all of them."""
        read_bytes, documents, text_bytes = 0.0, 0, 0
        for name in names:
            if documents and (text_bytes > most_bytes or time.monotonic() > until):
                break
            size = self.found.files[name][0]
            count, text, share = self._file(end, name, max(FILE_BYTES, most_bytes / len(names)), until)
            read_bytes, documents, text_bytes = read_bytes + size * share, documents + count, text_bytes + text
        whole = sum(self.found.files[name][0] for name in names)
        scale = whole / read_bytes if read_bytes else 1.0
        self.kinds[end] = Kind(len(names), whole, round(documents * scale), round(text_bytes * scale))
        self.bytes += text_bytes

    def _file(self, end: str, name: str, most_bytes: float, until: float) -> tuple[int, int, float]:
        """Documents and bytes of text read, and which share of the file that was."""
        count, text_bytes, record_bytes = 0, 0, 0
        for document in self._documents(end, name):
            fields = document.metadata["fields"]
            self.texts.append(document.text)
            self._remember(fields)
            count += 1
            size = len(document.text.encode())
            text_bytes += size
            record_bytes += size + sum(len(str(k)) + len(str(v)) + 6 for k, v in fields.items()) + 12
            if text_bytes > most_bytes or time.monotonic() > until:
                on_disk = record_bytes / PACKING if end in PACKED else record_bytes
                return count, text_bytes, min(1.0, on_disk / self.found.files[name][0])
        return count, text_bytes, 1.0

    def _documents(self, end: str, name: str) -> Iterator[Any]:
        try:
            yield from reader(self.source, end, self.bad).read_file(name)
        except OSError as error:
            self.closed.append(name)
            self.bad[f"a file that cannot be opened ({error.strerror}): change its permissions, or exclude it"] += 1

    def _remember(self, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            if isinstance(value, str | int) and len(str(value)) <= 60:
                self.values.setdefault(name, Counter())[str(value)] += 1
        self.encodings.update([fields["encoding"]] if fields.get("encoding") else [])
        for name in LICENCE_FIELDS:
            if fields.get(name):
                self.licence_field = name
                self.licences[str(fields[name])] += 1

    def notes(self) -> list[str]:
        return [f"{len(self.closed):,} files cannot be opened: {first_names(self.closed)}"] if self.closed else []

    def declared(self) -> str | None:
        """The field that names a language for nearly every document."""
        for name in ("language", "lang"):
            values = self.values.get(name, Counter())
            if values.total() > 0.9 * len(self.texts) and all(CODE.fullmatch(value) for value in values):
                return name
        return None

    def label(self) -> str | None:
        """The field that sorts nearly all documents into 2 to 12 classes, none of them rare; one called so if any."""
        from tasks.finetune.columns import OWN

        for name, values in sorted(self.values.items(), key=lambda field: field[0].lower() not in CLASSES):
            few = 2 <= len(values) <= 12 and values.total() > 0.9 * len(self.texts) >= 45
            is_column = name.lower() not in {*NO_TEXT, *OWN} and not {'"', "'"} & {*name}
            if few and is_column and min(values.values()) > 0.02 * len(self.texts):
                return name
        return None


def _nothing(path: Path, looked: _Look, fields: Fields) -> UserError:
    """What to say where the sample has no document: why not, and where the text may be."""
    reasons = [f"{count:,} {reason}" for reason, count in looked.bad.most_common(5)]
    if unsupported := looked.found.unsupported:
        reasons.append(unsupported_note("beside them", unsupported))
    shown = "".join(f"\n    {reason}" for reason in (*reasons, *fields.deeper))
    cure = "bring it to the top of each record, as `text`" if fields.deeper else "see what these files hold"
    return UserError(f"{path}: no document in a sample of its files{shown}", cure)


def _languages(texts: list[str]) -> dict[str, float]:
    from tasks.language import detect

    characters = Counter[str]()
    for text in texts:
        characters[detect(text) or "none"] += len(text)
    return {language: count / characters.total() for language, count in characters.most_common()}


def _licence_files(found: SourceWalk) -> Counter[str]:
    """What the licence files at the top of the folder are, by a phrase of their text."""
    names = [entry for entry in found.root.iterdir() if LICENCE_FILES.fullmatch(entry.name) and entry.is_file()]
    return Counter(map(_licence, names))


def _licence(path: Path) -> str:
    try:
        head = path.read_bytes()[:4000].decode(errors="replace")
    except OSError:
        return "see file"
    return next((spdx for phrase, spdx in LICENCES.items() if phrase in head), "see file")


def _shuffled(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
