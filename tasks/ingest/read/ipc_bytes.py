"""How many bytes the batches of an Arrow IPC file unpack to, by the lengths that it gives, before anything is unpacked.

pyarrow does not say whether a batch is compressed. Its metadata is a FlatBuffer (Arrow's Message.fbs), of which a few
fields are read here; a compressed buffer begins with its length (Arrow columnar format, "Compression").
"""

import struct
from typing import BinaryIO

import pyarrow as pa

MAGIC = b"ARROW1"  # of a file; its messages follow after eight bytes, as those of a stream
HEADER_TYPE, HEADER = 1, 2  # fields of Message
DICTIONARY, BATCH = 2, 3  # types of header
DICTIONARY_DATA = 1  # field of DictionaryBatch: a RecordBatch
BUFFERS, COMPRESSION = 2, 3  # fields of RecordBatch
LENGTH = struct.Struct("<q")
PLAIN = -1  # in place of the length, of a buffer that compression would make longer


def unpacked_bytes(file: BinaryIO) -> int:
    """The bytes of all buffers once they are unpacked, up to where the file is damaged; one message is in memory."""
    file.seek(8 if file.read(len(MAGIC)) == MAGIC else 0)
    total = 0
    try:
        for message in pa.ipc.MessageReader.open_stream(file):
            total += _unpacked(message.metadata.to_pybytes(), message.body)
    except (pa.ArrowException, OSError, ValueError, IndexError, struct.error):
        pass  # who reads the batches will meet the damage too, behind those before it
    return total


def _unpacked(metadata: bytes, body: pa.Buffer | None) -> int:
    if body is None:
        return 0
    table = _Table(metadata, struct.unpack_from("<I", metadata)[0])
    kind, header = table.byte(HEADER_TYPE), table.table(HEADER)
    batch = header and header.table(DICTIONARY_DATA) if kind == DICTIONARY else header
    if kind not in (DICTIONARY, BATCH) or batch is None or batch.table(COMPRESSION) is None:
        return body.size
    return sum(_length(body, offset, length) for offset, length in batch.pairs(BUFFERS))


def _length(body: pa.Buffer, offset: int, length: int) -> int:
    if length < LENGTH.size:
        return 0
    (unpacked,) = LENGTH.unpack(body.slice(offset, LENGTH.size).to_pybytes())
    return length if unpacked == PLAIN else unpacked


class _Table:
    """A table of a FlatBuffer: its fields are where its vtable says, or absent."""

    def __init__(self, raw: bytes, at: int) -> None:
        self.raw, self.at = raw, at
        self.vtable = at - struct.unpack_from("<i", raw, at)[0]
        self.fields = (struct.unpack_from("<H", raw, self.vtable)[0] - 4) // 2

    def _place(self, field: int) -> int | None:
        offset = struct.unpack_from("<H", self.raw, self.vtable + 4 + 2 * field)[0] if field < self.fields else 0
        return self.at + offset if offset else None

    def byte(self, field: int) -> int:
        place = self._place(field)
        return 0 if place is None else self.raw[place]

    def table(self, field: int) -> "_Table | None":
        place = self._place(field)
        return None if place is None else _Table(self.raw, place + struct.unpack_from("<I", self.raw, place)[0])

    def pairs(self, field: int) -> list[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers."""
        place = self._place(field)
        if place is None:
            return []
        start = place + struct.unpack_from("<I", self.raw, place)[0]
        count = struct.unpack_from("<I", self.raw, start)[0]
        return [struct.unpack_from("<qq", self.raw, start + 4 + 16 * n) for n in range(count)]
