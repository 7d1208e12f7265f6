"""Files that are compressed one by one (.txt.gz, .csv.zst, .json.bz2): unpacked as they are read, within bounds."""

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, cast

import pyarrow as pa
from datatrove.data import Document

from tasks.ingest.lines import CODECS, ExpansionLimit, check_expansion
from tasks.ingest.readers import BadRecord, QuarantiningReader


class PackedFiles(QuarantiningReader):
    """The documents that the reader of the file within yields."""

    name = "🗜 Packed"

    def __init__(self, within: QuarantiningReader, packing: str) -> None:
        super().__init__(within.data_folder, within.rules, within.quarantine)
        self.within = within
        within.data_folder = cast(Any, _Unpacking(within.data_folder, CODECS[packing], within.rules.max_expansion))

    def read_file(self, filepath: str) -> Iterator[Document]:
        position = 0
        try:
            for document in self.within.read_file(filepath):
                position = document.metadata["position"] + 1
                yield document
        except (OSError, pa.ArrowInvalid, ExpansionLimit) as error:
            self.quarantine(BadRecord(position, f"unreadable from here on: {error}", b""))


class _Unpacking:
    """A folder that opens each file unpacked."""

    def __init__(self, folder: Any, codec: str, max_expansion: float) -> None:
        self.folder, self.codec, self.max_expansion = folder, codec, max_expansion

    def open(self, path: str, mode: str) -> BinaryIO:
        return io.BufferedReader(_Unpacked(partial(self.folder.open, path, mode), self.codec, self.max_expansion))


class _Unpacked(io.RawIOBase):
    """The unpacked bytes, from the beginning on: seeking goes back to the start only."""

    def __init__(self, open_file: Callable[[], BinaryIO], codec: str, max_expansion: float) -> None:
        self.open_file, self.codec, self.max_expansion = open_file, codec, max_expansion
        self.rewind()

    def rewind(self) -> None:
        file = self.open_file()  # opened again: a stream that is replaced closes its file
        self.size, self.at = file.seek(0, io.SEEK_END), 0
        file.seek(0)
        self.stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), self.codec)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        block = self.stream.read(len(view))
        self.at += len(block)
        check_expansion(self.at, self.size, self.max_expansion)
        view[: len(block)] = block
        return len(block)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if (offset, whence) == (0, io.SEEK_SET):
            self.rewind()
        elif (offset, whence) != (0, io.SEEK_CUR):
            raise io.UnsupportedOperation("a compressed file is read from its beginning")
        return self.at

    def close(self) -> None:
        self.stream.close()
        super().close()
