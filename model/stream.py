"""Token shards as one stream of ids: the separator, then each document followed by a separator, shard after shard.

    <|endoftext|> document <|endoftext|> document <|endoftext|> …

The shards (Arrow IPC streams, columns doc_id and tokens) are memory-mapped and never copied: a read slices the value
buffers and sets the separators in between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Shard:
    """One mapped file: `name` says where it belongs (`0001/train-00000.arrow`), `table` is its content."""

    name: str
    table: pa.Table

    def summary(self) -> dict[str, str | int]:
        return {"name": self.name, "documents": self.table.num_rows, "tokens": int(self.lengths.sum())}

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row."""
        chunks = [_offsets(chunk) for chunk in self.table["tokens"].chunks]
        return np.concatenate([np.diff(offsets) for offsets in chunks]) if chunks else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Document:
    """Where a document stands: row of a shard."""

    shard: str
    row: int
    doc_id: str


def open_shards(files: Mapping[str, Path]) -> list[Shard]:
    """The shards in the order given, mapped into memory."""
    return [Shard(name, _mapped(path)) for name, path in files.items()]


class TokenStream:
    """Reads any window of the stream; the whole of it has `len(stream)` ids."""

    def __init__(self, shards: Sequence[Shard], separator: int) -> None:
        self.shards, self.separator = list(shards), separator
        lengths = [shard.lengths for shard in self.shards]
        self.rows = np.array([len(part) for part in lengths], dtype=np.int64)
        document_lengths = np.concatenate([*lengths, np.zeros(0, dtype=np.int64)])
        # separators[d] is the position before document d; separators[-1] the last position of the stream
        self.separators = np.concatenate([[0], np.cumsum(document_lengths + 1)]).astype(np.int64)
        self._chunks = [_values(chunk) for shard in self.shards for chunk in shard.table["tokens"].chunks]
        self._chunk_starts = np.cumsum([0, *(len(chunk) for chunk in self._chunks)])
        self.dtype = np.result_type(np.uint16, *self._chunks)  # uint32 where a shard has ids that do not fit

    def __len__(self) -> int:
        return int(self.separators[-1]) + 1

    @property
    def documents(self) -> int:
        return len(self.separators) - 1

    def read(self, first: int, count: int) -> np.ndarray:
        """Ids first … first + count, of `dtype`; past the end: separators."""
        out = np.full(count, self.separator, dtype=self.dtype)
        count = min(count, len(self) - first)
        before, until = np.searchsorted(self.separators, (first, first + count))
        raw, at = first - int(before), 0  # documents alone: `before` separators stand before the window
        for separator in self.separators[before:until].tolist():
            self._copy(raw, out[at : separator - first])
            raw, at = raw + separator - first - at, separator - first + 1
        self._copy(raw, out[at:count])
        return out

    def doc_ids(self) -> pa.Array:
        """The names of all documents in order."""
        chunks = [chunk.cast(pa.string()) for shard in self.shards for chunk in shard.table["doc_id"].chunks]
        return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())

    def documents_in(self, first: int, count: int) -> list[Document]:
        """The documents with at least one token among ids first … first + count."""
        low = int(np.searchsorted(self.separators, first, side="right")) - 1
        high = int(np.searchsorted(self.separators, first + count - 1, side="left"))
        holds_tokens = np.diff(self.separators[low : high + 1]) > 1  # an empty document stands nowhere
        return [self._document(low + int(offset)) for offset in np.flatnonzero(holds_tokens)]

    def _document(self, number: int) -> Document:
        ends = np.cumsum(self.rows)
        shard = int(np.searchsorted(ends, number, side="right"))
        row = number - int(ends[shard] - self.rows[shard])
        return Document(self.shards[shard].name, row, self.shards[shard].table["doc_id"][row].as_py())

    def _copy(self, raw: int, into: np.ndarray) -> None:
        chunk = int(np.searchsorted(self._chunk_starts, raw, side="right")) - 1
        while len(into):
            start = raw - int(self._chunk_starts[chunk])
            piece = self._chunks[chunk][start : start + len(into)]
            into[: len(piece)] = piece
            into, raw, chunk = into[len(piece) :], raw + len(piece), chunk + 1


def _mapped(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def _offsets(chunk: pa.ListArray) -> np.ndarray:
    return as_numpy(chunk.offsets).astype(np.int64)


def _values(chunk: pa.ListArray) -> np.ndarray:
    """The chunk's ids in one piece: a view of the mapped file."""
    offsets = chunk.offsets
    first, last = offsets[0].as_py(), offsets[len(offsets) - 1].as_py()
    return as_numpy(chunk.values.slice(first, last - first))


def as_numpy(array: pa.Array) -> np.ndarray:
    """The array's own memory, but for truth values, which Arrow packs. (`to_numpy` imports pandas: half a second.)"""
    if pa.types.is_boolean(array.type):
        return np.from_dlpack(array.cast(pa.uint8())).astype(bool)
    return np.from_dlpack(array)
