"""The first records of a folder's files, and of the members of its archives, as they are stored."""

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

RECORDS_PER_FILE = 40
MAX_TRIES = 10 * RECORDS_PER_FILE  # with records that are no objects, or broken
FILES_PER_ENDING = 12
RECORD_ENDINGS = tuple(end for end in kinds.RECORDS if end != ".mbox")

Record = dict[str, Any]


class Peek(NamedTuple):
    """The first records of one file; of a table its lines as column1, column2, …, the line of names among them."""

    name: str
    ending: str
    records: list[Record]
    is_member: bool  # of an archive

    @property
    def is_table(self) -> bool:
        return kinds.within(self.ending)[0] in kinds.TABLES


@dataclass
class FolderPeek:
    """The first records of some files of a folder."""

    peeks: list[Peek] = field(default_factory=list)
    members: Counter[str] = field(default_factory=Counter)  # of archives that are not read, by ending


def peek(path: Path, by_ending: Mapping[str, list[str]]) -> FolderPeek:
    """The first records of some files of each ending."""
    from datatrove.io import DataFolder
    from fsspec.implementations.local import LocalFileSystem

    from tasks.ingest.read.archives import Archives

    source = FolderSource(path=path, header=False)
    folder, result = DataFolder(str(root_of(source)), fs=LocalFileSystem()), FolderPeek()
    for end in RECORD_ENDINGS:
        files = _PeekingReader(end, folder, source, result)
        for name in by_ending.get(end, [])[:FILES_PER_ENDING]:
            list(files.read_file(name))

    def member_reader(end: str, inner: DataFolder, *_: Any) -> Any:
        return _PeekingReader(end, inner, source, result, is_member=True)

    archive = Archives(folder, source, lambda _: None, member_reader)
    for name in by_ending.get(".zip", [])[:FILES_PER_ENDING]:
        with suppress(OSError):
            list(archive.read_file(name))
    result.members.update(archive.unsupported)
    return result


class _Enough(Exception):
    pass


@dataclass
class _PeekingReader:
    """Takes the place of a reader, yields no document, and keeps the records that the reader would turn into some."""

    ending: str
    folder: Any
    source: FolderSource
    result: FolderPeek
    is_member: bool = False

    def read_file(self, name: str) -> Iterator[Any]:
        alike = sum(peek.is_member and peek.ending == self.ending for peek in self.result.peeks)
        if self.ending in RECORD_ENDINGS and not (self.is_member and alike >= FILES_PER_ENDING):
            self.result.peeks.append(Peek(name, self.ending, self.records(name), self.is_member))
        return iter(())

    def records(self, name: str) -> list[Record]:
        from tasks.ingest.read.choose import reader_of
        from tasks.ingest.readers import as_json

        records, tries = list[Record](), count(1)

        def keep(record: Any, *_: Any) -> None:
            with suppress(TypeError):  # nested too deeply: reported when it is read
                if isinstance(record, dict) and as_json(record):
                    records.append(record)
            if len(records) == RECORDS_PER_FILE or next(tries) == MAX_TRIES:
                raise _Enough

        reader: Any = reader_of(self.ending, self.folder, self.source, keep)
        reader.document = keep
        with suppress(_Enough, OSError):
            for _ in reader.read_file(name):
                pass
        return records
