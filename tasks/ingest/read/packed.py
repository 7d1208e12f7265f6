"""Files that are compressed one by one (.txt.gz, .csv.zst, .json.bz2): unpacked as they are read, within bounds."""

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, cast

from datatrove.data import Document

from tasks.ingest.lines import RAW_BYTES
from tasks.ingest.read.spreadsheets import Spreadsheets
from tasks.ingest.readers import BadRecord, QuarantiningReader, Repair
from tasks.ingest.unpack import BREAKS, CODECS, break_reason, bytes_left, unpack


class PackedFiles(QuarantiningReader):
    """The documents that the reader of the file within yields."""

    name = "🗜 Packed"

    def __init__(self, within: QuarantiningReader, packing: str) -> None:
        super().__init__(within.data_folder, within.rules, within.quarantine)
        self.files = _Unpacking(within.data_folder, CODECS[packing], within.rules.max_expansion)
        within.data_folder, within.quarantine = cast(Any, self.files), self.pass_on
        self.within, self.records = within, 0

    def pass_on(self, bad: BadRecord | Repair) -> None:
        if isinstance(bad, BadRecord):
            self.records = bad.position + 1
            if bad.lost_bytes and self.files.latest:
                bad = bad._replace(lost_bytes=round(bad.lost_bytes * self.files.latest.packed_share))
        self.quarantine(bad)

    def read_file(self, filepath: str) -> Iterator[Document]:
        self.records, last = 0, None
        for document in self.within.read_file(filepath):
            if last:
                yield last
            self.records, last = document.metadata["position"] + 1, document
        broken = self.files.latest
        is_whole = broken is None or broken.error is None
        if last and (is_whole or not isinstance(self.within, Spreadsheets)):
            yield last
        elif last:  # a row that is cut off
            self.records -= 1
        if broken and broken.error:
            fault = f"unreadable from here on: {break_reason(broken.error)}"
            raw = last.text.encode()[:RAW_BYTES] if last else b""
            self.quarantine(BadRecord(self.records, fault, raw, lost_bytes=broken.left))


class _Unpacking:
    """A folder that opens each file unpacked."""

    def __init__(self, folder: Any, codec: str, max_expansion: float) -> None:
        self.folder, self.codec, self.max_expansion = folder, codec, max_expansion
        self.latest: _Unpacked | None = None

    def open(self, path: str, mode: str) -> BinaryIO:
        self.latest = _Unpacked(partial(self.folder.open, path, mode), self.codec, self.max_expansion)
        return io.BufferedReader(self.latest)


class _Unpacked(io.RawIOBase):
    """The unpacked bytes, as far as they can be read: seeking goes back to the start only."""

    def __init__(self, open_file: Callable[[], BinaryIO], codec: str, max_expansion: float) -> None:
        self.open_file, self.codec, self.max_expansion = open_file, codec, max_expansion
        self.error: BaseException | None = None  # why the file ends before its end
        self.left = 0  # packed bytes behind that place; all where nothing could be unpacked
        self.rewind()

    def rewind(self) -> None:
        self.packed = self.open_file()  # opened again: a stream that is replaced closes its file
        self.at, self.rest = 0, b""
        self.blocks = unpack(self.packed, self.codec, self.max_expansion)

    @property
    def packed_share(self) -> float:
        """Bytes on disk for each unpacked byte, so far."""
        return self.packed.tell() / max(1, self.at)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        try:
            block = self.rest or next(self.blocks, b"")
        except BREAKS as error:
            self.error, block = error, b""
            self.left = bytes_left(self.packed) if self.at else self.packed.seek(0, io.SEEK_END)
        given, self.rest = block[: len(view)], block[len(view) :]
        self.at += len(given)
        view[: len(given)] = given
        return len(given)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if (offset, whence) == (0, io.SEEK_SET):
            self.rewind()
        elif (offset, whence) != (0, io.SEEK_CUR):
            raise io.UnsupportedOperation("a compressed file is read from its beginning")
        return self.at

    def close(self) -> None:
        self.packed.close()
        super().close()
