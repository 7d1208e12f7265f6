"""Zip archives: each member is read as the file that it is, without ever being unpacked onto the disk.

What a small archive may unpack to is bounded (each member, all of them together, archives within archives); names that
lead out of it and encrypted members go to the quarantine. Sizes are believed only once that many bytes were read.
"""

import io
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO

from datatrove.data import Document
from datatrove.io import DataFolder
from datatrove.pipeline.readers.base import BaseDiskReader
from fsspec.implementations.zip import ZipFileSystem

from tasks.document_names import WITHIN, member_uri
from tasks.ingest.kinds import ARCHIVES, ending, readable
from tasks.ingest.lines import FREE_EXPANSION, ExpansionLimit, check_expansion
from tasks.ingest.read.shared_encoding import SharedEncoding, shared_by
from tasks.ingest.readers import BadRecord, Quarantine, QuarantiningReader, Repair

MAX_DEPTH = 3  # archives within archives
MAX_MEMBERS = 1_000_000

UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError)

ReaderOf = Callable[[str, DataFolder, Quarantine, SharedEncoding], BaseDiskReader]


class Archives(QuarantiningReader):
    """The documents of all members; `document.metadata["member"]` is the member, which is in the id too."""

    name = "🗜 ZIP"

    def __init__(self, folder: DataFolder, rules: Any, quarantine: Quarantine, reader_of: ReaderOf) -> None:
        super().__init__(folder, rules, quarantine)
        self.reader_of = reader_of
        self.unsupported = Counter[str]()  # members of kinds that are not read, by ending

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            budget = max(round(file.seek(0, 2) * self.rules.max_expansion), FREE_EXPANSION)
            file.seek(0)
            for document in self.members(file, "", [budget], 1):
                if document.metadata.pop("named_by_place", False):
                    document.id = member_uri(filepath, document.id)
                yield document

    def members(self, file: BinaryIO, prefix: str, budget: list[int], depth: int) -> Iterator[Document]:
        """`budget`: the bytes that this archive and those within it may still unpack to."""

        def report(reason: str, member: str = "") -> None:
            self.quarantine(BadRecord(0, reason, b"", f"{prefix}{member}".removesuffix(WITHIN)))

        try:
            archive = zipfile.ZipFile(file)
            infos = sorted(archive.infolist(), key=lambda info: info.filename)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            report(f"unreadable archive: {error}")
            return
        if len(infos) > MAX_MEMBERS:
            report(f"{len(infos):,} members: more than {MAX_MEMBERS:,}")
            return
        entries = _Entries(file)
        folder = DataFolder("/", fs=entries)
        by_name = {info.filename: info for info in infos if not self._fault(info, [info.file_size])}
        entries.shared = shared_by(by_name, lambda name, size: _head(archive, by_name[name], size), self.rules)
        for info in infos:
            name = info.filename
            end = ending(name)
            if info.is_dir():
                continue
            if reason := self._fault(info, budget):
                report(reason, name)
            elif _is_hidden(name) or end not in (*readable(), *self.rules.as_text):
                self.unsupported["(hidden)" if _is_hidden(name) else end] += 1
            elif info.file_size == 0:
                report("empty file", name)
            elif end in ARCHIVES and depth == MAX_DEPTH:
                report(f"archives within archives, more than {MAX_DEPTH} deep", name)
            else:
                entries.entry = info
                yield from self._member(archive, folder, info, f"{prefix}{name}", budget, depth)

    def _member(  # noqa: PLR0917
        self,
        archive: zipfile.ZipFile,
        folder: DataFolder,
        info: zipfile.ZipInfo,
        name: str,
        budget: list[int],
        depth: int,
    ) -> Iterator[Document]:
        position = 0
        try:
            if ending(name) in ARCHIVES:
                yield from self.members(io.BytesIO(archive.read(info)), member_uri(name, ""), budget, depth + 1)
                return
            prefix = name.removesuffix(info.filename)

            def quarantine(bad: BadRecord | Repair) -> None:
                if isinstance(bad, BadRecord) and bad.lost_bytes:
                    bad = bad._replace(lost_bytes=bad.lost_bytes * info.compress_size // info.file_size)
                self.quarantine(bad._replace(member=name))

            for document in self.reader_of(ending(name), folder, quarantine, folder.fs.shared).read_file(info.filename):
                position = document.metadata["position"] + 1
                if document.id.startswith(info.filename):  # else the record has an id of its own
                    document.id = f"{prefix}{document.id}"
                    document.metadata["named_by_place"] = True
                document.metadata |= {"member": name}
                yield document
        except UNREADABLE as error:
            self.quarantine(BadRecord(position, f"unreadable member: {error}", b"", name))

    def _fault(self, info: zipfile.ZipInfo, budget: list[int]) -> str | None:
        """The reason why a member must not be read, else None, and its size is taken from the budget."""
        parts = info.filename.replace("\\", "/").split("/")
        if info.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            return "a name that leads out of the archive"
        if info.flag_bits & 1:
            return "encrypted: save it without a password"
        if stat.S_ISLNK(info.external_attr >> 16):
            return "a link, which is not followed"
        try:
            check_expansion(info.file_size, info.compress_size, self.rules.max_expansion)
        except ExpansionLimit as error:
            return str(error)
        if info.file_size > budget[0]:
            return "the archive unpacks to more than max_expansion allows: a zip bomb, or one to split"
        budget[0] -= info.file_size
        return None


class _Entries(ZipFileSystem):
    """An archive whose members are opened by their entry: their names may be equal, or be spelled as no path is."""

    entry: zipfile.ZipInfo | None = None
    shared: SharedEncoding  # by the texts among the members

    def __init__(self, file: Any) -> None:  # fsspec's annotation has str alone, and it takes both
        super().__init__(file, skip_instance_cache=True)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> IO[bytes]:
        assert self.entry is not None and mode == "rb", path
        return self.zip.open(self.entry)

    def size(self, path: str) -> int:
        assert self.entry is not None, path
        return self.entry.file_size


def _head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> bytes:
    try:
        with archive.open(info) as file:
            return file.read(size)
    except UNREADABLE:
        return b""


def _is_hidden(name: str) -> bool:
    return any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in name.split("/"))
