"""The bytes within a compressed file, up to the very place where it breaks, whatever the file claims to hold."""

import bz2
import gzip
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import zstandard

from tasks.ingest.lines import MIB, ExpansionLimit, check_expansion

BLOCK_BYTES = 64 << 10  # are unpacked at once
CODECS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
LARGE_WINDOW = "requires too much memory"  # libzstd, of a frame whose window is above 128 MiB


BREAKS = (OSError, EOFError, zlib.error, zstandard.ZstdError, pa.ArrowInvalid, ExpansionLimit)


def break_reason(error: BaseException) -> str:
    """Why a file cannot be read any further, and what to do about it."""
    if isinstance(error, EOFError):
        return "Truncated compressed stream"
    if LARGE_WINDOW in str(error):
        return "made with zstd --long: unpack it with zstd -d --long=31"
    return str(error)


def blocks(file: BinaryIO, name: str, max_expansion: float) -> Iterator[bytes]:
    """The file's bytes, unpacked by the ending of its name."""
    codec = next((codec for ending, codec in CODECS.items() if name.lower().endswith(ending)), None)
    if codec is not None:
        yield from unpack(file, codec, max_expansion)
        return
    while block := file.read(MIB):
        yield block


def unpack(file: BinaryIO, codec: str, max_expansion: float) -> Iterator[bytes]:
    """The unpacked bytes; one of BREAKS where the file breaks, or a small file unpacks to too much."""
    packed, unpacked = file.seek(0, 2), 0
    file.seek(0)
    for block in _gzip_blocks(file) if codec == "gzip" else _strict_blocks(file, codec):
        unpacked += len(block)
        check_expansion(unpacked, packed, max_expansion)
        yield block


def _gzip_blocks(file: BinaryIO) -> Iterator[bytes]:
    """The standard library's reading, which takes zeros behind the last member for padding."""
    stream = gzip.GzipFile(fileobj=file)
    while block := stream.read1(BLOCK_BYTES):
        yield block


def _strict_blocks(file: BinaryIO, codec: str) -> Iterator[bytes]:
    """Arrow's reading, which detects every break but loses the block before it: that is read by a lenient library."""
    unpacked = 0
    try:
        stream = pa.CompressedInputStream(pa.PythonFile(_KeptOpen(file), "r"), codec)
        while block := stream.read(BLOCK_BYTES):
            unpacked += len(block)
            yield block
    except (OSError, pa.ArrowInvalid):
        yield from _remainder(file, codec, unpacked)
        raise


class _KeptOpen:
    """A file that Arrow's stream does not close when it ends."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell

    def close(self) -> None:
        """Nothing: who opened the file closes it."""


def _remainder(file: BinaryIO, codec: str, start: int) -> Iterator[bytes]:
    """What a lenient library unpacks behind the first `start` bytes, until it fails too."""
    file.seek(0)
    try:
        lenient = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
        stream = lenient if codec == "zstd" else bz2.BZ2File(file)
        while block := stream.read1(BLOCK_BYTES):
            if len(block) > start:
                yield block[max(0, start) :]
            start -= len(block)
    except BREAKS:
        return


def count_rest(file: Any) -> int:
    """The bytes that are left to read; of a compressed file they are unpacked."""
    return sum(map(len, iter(lambda: file.read(MIB), b"")))


def bytes_left(file: BinaryIO) -> int:
    """The bytes behind the place up to which the file was read."""
    at = file.tell()
    size = file.seek(0, 2)
    file.seek(at)
    return size - at
