"""The first records of a folder's files, and of the members of its archives, as they stand."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from tasks.ingest import kinds
from tasks.ingest.sources import FolderSource
from tasks.ingest.walk import root_of

PEEKED = 40  # records of a file
MOST_MET = 10 * PEEKED  # with those that are no objects, or broken
PEEKED_FILES = 12  # of each ending
RECORDS = tuple(end for end in kinds.RECORDS if end != ".mbox")

Record = dict[str, Any]


class Peek(NamedTuple):
    """What was seen of one file: of a table its lines, column1, column2, …, whether or not the first names them."""

    name: str
    ending: str
    records: list[Record]
    is_member: bool  # of an archive

    @property
    def is_table(self) -> bool:
        return kinds.within(self.ending)[0] in kinds.TABLES


@dataclass
class Peeked:
    """What was seen of a folder."""

    peeks: list[Peek] = field(default_factory=list)
    members: Counter[str] = field(default_factory=Counter)  # of archives that are not read, by ending


def peek(path: Path, by_ending: Mapping[str, list[str]]) -> Peeked:
    """The first records of some files of each ending."""
    from datatrove.io import DataFolder
    from fsspec.implementations.local import LocalFileSystem

    from tasks.ingest.read.archives import Archives

    source = FolderSource(path=path, header=False)
    folder, seen = DataFolder(str(root_of(source)), fs=LocalFileSystem()), Peeked()
    for end in RECORDS:
        files = _First(end, folder, source, seen)
        for name in by_ending.get(end, [])[:PEEKED_FILES]:
            list(files.read_file(name))

    def member(end: str, inner: DataFolder, _: Any) -> Any:
        return _First(end, inner, source, seen, is_member=True)

    archive = Archives(folder, source, lambda _: None, member)
    for name in by_ending.get(".zip", [])[:PEEKED_FILES]:
        with suppress(OSError):
            list(archive.read_file(name))
    seen.members.update(archive.unsupported)
    return seen


class _Enough(Exception):
    pass


@dataclass
class _First:
    """Stands where a reader is expected, yields no document, and keeps what the reader would make them of."""

    ending: str
    folder: Any
    source: FolderSource
    seen: Peeked
    is_member: bool = False

    def read_file(self, name: str) -> Iterator[Any]:
        alike = sum(peek.is_member and peek.ending == self.ending for peek in self.seen.peeks)
        if self.ending in RECORDS and not (self.is_member and alike >= PEEKED_FILES):
            self.seen.peeks.append(Peek(name, self.ending, self.records(name), self.is_member))
        return iter(())

    def records(self, name: str) -> list[Record]:
        from tasks.ingest.read.choose import reader_of
        from tasks.ingest.readers import as_json

        found, met = list[Record](), count(1)

        def note(record: Any, *_: Any) -> None:
            with suppress(TypeError):  # nested too deep: told when it is read
                if isinstance(record, dict) and as_json(record):
                    found.append(record)
            if len(found) == PEEKED or next(met) == MOST_MET:
                raise _Enough

        reader: Any = reader_of(self.ending, self.folder, self.source, note)
        reader.document = note
        with suppress(_Enough, OSError):
            for _ in reader.read_file(name):
                pass
        return found
