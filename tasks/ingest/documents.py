"""Reading one group of files: documents to a Parquet file, bad records to a quarantine, everything counted.

A group is some consecutive files of one source. Which files share a group depends on the files alone, so the bytes are
the same however many processes read the groups.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from datatrove.data import Document
from datatrove.io import DataFolder
from datatrove.pipeline.readers.base import BaseDiskReader
from fsspec.implementations.local import LocalFileSystem

from tasks.document_names import member_uri
from tasks.errors import UserError
from tasks.ingest.document_rows import DOCUMENTS, QUARANTINE, RowWriter
from tasks.ingest.kinds import TEXT, ending
from tasks.ingest.read.archives import Archives
from tasks.ingest.read.choose import reader_of
from tasks.ingest.read.shared_encoding import head_of, shared_by
from tasks.ingest.readers import BadRecord, Repair, as_json, without_numbers
from tasks.ingest.sources import File, FileSource
from tasks.ingest.walk import root_of
from tasks.passages import passages
from tasks.store.hashing import file_sha256

REASON_CHARACTERS = 200
EXAMPLES = 5  # bad records in an error message
REPAIRED_FILES = 3  # of each kind that a note names


@dataclass(frozen=True)
class Group:
    """Consecutive files of one source, in reading order."""

    number: int
    name: str  # of the source
    source: FileSource
    files: tuple[File, ...]
    is_planted: bool = False  # its records have their full origin in a field that is not metadata

    def documents(self, out: Path) -> Path:
        return out / "documents" / f"{self.number:05d}.parquet"

    def quarantine(self, out: Path) -> Path:
        return out / "quarantine" / f"{self.number:05d}.parquet"


class Repairs(NamedTuple):
    """How often something was changed in files whose records were kept."""

    count: int
    files: int
    names: tuple[str, ...]  # of the first files

    def __add__(self, other: "Repairs") -> "Repairs":  # type: ignore[override]  # not of tuples
        return Repairs(self.count + other.count, self.files + other.files, (*self.names, *other.names)[:REPAIRED_FILES])

    def __str__(self) -> str:
        names = ", ".join(self.names) + (", …" if self.files > len(self.names) else "")
        return f"{self.count:,} in {self.files:,} {'file' if self.files == 1 else 'files'} ({names})"


@dataclass
class Tally:
    """The number of a group's records by what was done with them."""

    kept: int = 0
    quarantined: int = 0
    ignored: int = 0  # of the quarantined: not damaged, but no records for training
    dropped: Counter[str] = field(default_factory=Counter)
    bytes: int = 0  # of the documents' text
    reasons: Counter[str] = field(default_factory=Counter)  # of the quarantined, with … for numbers
    cut: frozenset[str] = frozenset()  # files too large for one document
    unsupported: Counter[str] = field(default_factory=Counter)  # members of archives, by ending
    first: dict[str, str] = field(default_factory=dict)  # by reason, its first bad record: the place, and why in full
    repairs: dict[str, Repairs] = field(default_factory=dict)  # by what was changed in files whose records were kept
    lost_bytes: int = 0  # of files, behind a record from which on they cannot be read

    @property
    def read(self) -> int:
        return self.kept + self.quarantined + sum(self.dropped.values())

    def add(self, other: "Tally") -> None:
        self.kept += other.kept
        self.quarantined += other.quarantined
        self.ignored += other.ignored
        self.dropped += other.dropped
        self.bytes += other.bytes
        self.reasons += other.reasons
        self.cut |= other.cut
        self.unsupported += other.unsupported
        self.first = other.first | self.first
        self.lost_bytes += other.lost_bytes
        for what, repairs in other.repairs.items():
            self.add_repairs(what, repairs)

    def add_repairs(self, what: str, repairs: Repairs) -> None:
        self.repairs[what] = self.repairs[what] + repairs if what in self.repairs else repairs

    def examples(self) -> list[str]:
        """For each of the commonest reasons one bad record, and the number of others like it."""
        common = self.reasons.most_common(EXAMPLES)
        return [
            self.first[kind] + (f" (and {count - 1:,} more like it)" if count > 1 else "") for kind, count in common
        ]


def read_group(group: Group, out: Path) -> Tally:
    """The tally of a group whose rows are written to `out`; UserError where a file changed since the run began."""
    tally, root = Tally(), root_of(group.source)
    documents, quarantine = RowWriter(group.documents(out), DOCUMENTS), RowWriter(group.quarantine(out), QUARANTINE)
    with documents, quarantine:
        reading = _Reading(group, tally, documents, quarantine)
        for file in group.files:
            path = root / file.name
            try:
                if not path.is_file():
                    raise _removed(path)
                reading.run(file)
                verify(path, file)
            except PermissionError as error:
                raise UserError(f"{path}: no permission to read it", "change its permissions, or exclude it") from error
    return tally


class _Reading:
    """Turns the records of a group into rows, file after file."""

    def __init__(self, group: Group, tally: Tally, documents: RowWriter, quarantine: RowWriter) -> None:
        self.group, self.source, self.tally = group, group.source, tally
        self.documents, self.bad_records = documents, quarantine
        root = root_of(group.source)
        self.folder = DataFolder(str(root), fs=LocalFileSystem())
        names = [file.name for file in group.files]
        self.shared = shared_by(names, lambda name, size: head_of(root / name, size), group.source)
        self.repaired = dict[str, str]()  # by what was changed, the file in which it was last
        self.readers = dict[str, BaseDiskReader]()  # by ending: making one takes datatrove some milliseconds

    def run(self, file: File) -> None:
        self.file, self.row = file, orjson.loads(file.metadata) if file.metadata else {}
        end = ending(file.name)
        expected = self.row.pop(self.source.index_sha256, None) if self.source.index_sha256 else None
        if file.size == 0:
            self.quarantine(BadRecord(0, "empty file", b""))
        elif expected not in (None, file.sha256):
            self.quarantine(BadRecord(0, f"its SHA-256 is not the one in {self.source.index}", b""))
        else:
            if end not in self.readers:
                self.readers[end] = reader_of(end, self.folder, self.source, self.quarantine, self.shared)
            reader = self.readers[end]
            for document in self.read(reader, file):
                self.keep(document)
            if isinstance(reader, Archives):
                self.tally.unsupported += reader.unsupported
                reader.unsupported.clear()

    def read(self, reader: BaseDiskReader, file: File) -> Iterator[Document]:
        """The documents of a file; what a reader raises on it in no foreseen way costs the rest of that file only."""
        documents, position = reader.read_file(file.name), 0
        while True:
            try:
                document = next(documents)
            except StopIteration:
                return
            except (OSError, UserError):
                raise
            except Exception as error:
                fault = f"unreadable from here on: {type(error).__name__}: {str(error)[:REASON_CHARACTERS]}"
                lost = file.size if position == 0 else 0
                self.quarantine(BadRecord(position, fault, b"", lost_bytes=lost))
                return
            position = document.metadata["position"] + 1
            yield document

    def keep(self, document: Document) -> None:
        """Writes a document as one row or as the rows of its passages, unless its metadata are out of range."""
        position, fields = document.metadata["position"], self.row | document.metadata["fields"]
        member, is_part = document.metadata.get("member", ""), document.metadata.get("is_part", False)
        is_text = ending(member or self.file.name) in (*TEXT, *self.source.as_text) and not is_part
        identity = str(self.row.get(self.source.index_id, document.id)) if is_text else document.id
        origin = document.id.rpartition("#")[0] if is_part else identity
        self.tally.cut |= {origin} if is_part else set()
        is_within = self.is_within_limits(fields)
        if is_within is None:
            fault = f"no number in a metadata field with a minimum or maximum: {self.limited()}"
            self.quarantine(BadRecord(position, fault, b""))
        elif not is_within:
            self.tally.dropped["out_of_range"] += 1
        elif self.source.max_characters:
            for k, passage in enumerate(passages(document.text, self.source.max_characters)):
                place = k if is_text else position
                self.write(f"{identity}#{k}", origin, passage, (member, place), fields | {"passage": k})
        else:
            name = f"{identity}#0" if is_text else identity
            self.write(name, origin, document.text, (member, position), fields)

    def write(self, identity: str, origin: str, text: str, place: tuple[str, int], fields: dict[str, Any]) -> None:
        """Writes one row; `place`: the member of an archive ("" elsewhere) and the record's position in it."""
        name, source = self.group.name, self.source
        if source.group_by and fields.get(source.group_by) is not None:
            origin = str(fields[source.group_by])
        origin = f"{name}/{origin}"
        if self.group.is_planted:
            origin = fields.pop("origin") or origin
        licence = fields.get(source.licence_field) if source.licence_field else None
        language = fields.get(source.language_field) if source.language_field else None
        row = (
            f"{name}/{identity}",
            text,
            name,
            self.uri(place[0]),
            place[1],
            str(licence or source.licence),
            str(language) if language else source.language,
            origin,
            as_json(fields),
        )
        size = len(text.encode())
        self.documents.add(row, size)
        self.tally.kept += 1
        self.tally.bytes += size

    def quarantine(self, bad: BadRecord | Repair) -> None:
        name = self.group.name
        uri = self.uri(bad.member)
        if isinstance(bad, Repair):
            is_new = self.repaired.get(bad.what) != uri
            self.repaired[bad.what] = uri
            self.tally.add_repairs(bad.what, Repairs(bad.count, int(is_new), (f"{name}: {uri}",) if is_new else ()))
            return
        self.bad_records.add((name, uri, bad.position, bad.reason, bad.raw), len(bad.raw))
        self.tally.quarantined += 1
        self.tally.ignored += bad.is_ignored
        self.tally.lost_bytes += bad.lost_bytes
        kind = without_numbers(bad.reason)
        self.tally.reasons[kind] += 1
        self.tally.first.setdefault(kind, f"{name}: {uri}, record {bad.position + 1}: {bad.reason}")

    def uri(self, member: str) -> str:
        return member_uri(self.file.name, member) if member else self.file.name

    def limited(self) -> str:
        return ", ".join(sorted({*self.source.minimum, *self.source.maximum}))

    def is_within_limits(self, fields: dict[str, Any]) -> bool | None:
        """Whether the metadata are within minimum and maximum; None where such a field holds no number."""
        least = [(_number(fields.get(name)), bound) for name, bound in self.source.minimum.items()]
        most = [(_number(fields.get(name)), bound) for name, bound in self.source.maximum.items()]
        if any(value is None for value, _ in least + most):
            return None
        return all(v >= b for v, b in least if v is not None) and all(v <= b for v, b in most if v is not None)


def verify(path: Path, file: File) -> None:
    """Raises a UserError where the file that was read is not the one that was listed."""
    try:
        sha256 = file_sha256(path)
    except FileNotFoundError as error:
        raise _removed(path) from error
    if sha256 != file.sha256:
        raise UserError(f"{path}: changed since the run began", "run again when the file no longer changes")


def _removed(path: Path) -> UserError:
    cure = "put it back, or remove the ledgers of this corpus (corpora/NAME.*.json in the home) to begin it anew"
    return UserError(f"{path}: gone, but the corpus' ledger has it and it must be read", cure)


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
