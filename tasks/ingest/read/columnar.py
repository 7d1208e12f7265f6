"""Parquet and Arrow: a row is a record. What is in memory at once is bounded in bytes, not in rows."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from datatrove.data import Document

from tasks.ingest.lines import MIB, check_expansion
from tasks.ingest.read.column_bytes import FIXED_BYTES, row_bytes
from tasks.ingest.read.column_values import Values
from tasks.ingest.read.ipc_bytes import MAGIC, unpacked_bytes
from tasks.ingest.readers import BadRecord, QuarantiningReader

ROWS_AT_ONCE = 256  # of which Python has the values
BYTES_AT_ONCE = 16 * MIB
ROWS_MEASURED = 1 << 16
BATCH_ROWS = 8192  # that Parquet decodes at once, at most
PREFIXED = "DELTA_BYTE_ARRAY"  # an encoding of values by what they share with the one before
PREFIXED_ROWS = 16
MAX_CHARACTER = 4  # bytes


class TableReader(QuarantiningReader):
    """A table's rows; an invalid one costs no other, and only its text decides whether it is lost."""

    rows_in_file = 0  # where the file says so before it is read

    @abstractmethod
    def batches(self, file: BinaryIO, size: int) -> Iterator[pa.RecordBatch]: ...

    def read_file(self, filepath: str) -> Iterator[Document]:
        self.values, position = Values(), 0
        with self.data_folder.open(filepath, "rb") as file:
            pieces = self.pieces(file)
            while True:
                try:
                    piece, is_valid = next(pieces)
                    rows = self.rows(piece, position, is_valid)
                except StopIteration:
                    return
                except Exception as error:  # whatever Arrow and what it calls raise on a damaged file
                    fault = f"unreadable from here on: {error or type(error).__name__}"
                    self.quarantine(BadRecord(position, fault, b"", lost_bytes=self.bytes_behind(file, position)))
                    return
                for row in rows:
                    if row is not None and (document := self.document(row, filepath, position)):
                        yield document
                    position += 1
                self.report_repairs(self.values.repairs)
                self.values.repairs.clear()

    def bytes_behind(self, file: BinaryIO, position: int) -> int:
        """How much of the file is lost with the rows from there on."""
        at = file.tell()
        size = file.seek(0, 2)
        if position and self.rows_in_file:
            return size - size * position // self.rows_in_file
        return size - at if position else size

    def pieces(self, file: BinaryIO) -> Iterator[tuple[pa.RecordBatch, bool]]:
        """Some rows of one batch at a time, and whether they are valid; ExpansionLimit where they are a bomb."""
        size, unpacked = file.seek(0, 2), 0
        file.seek(0)
        for batch in self.batches(file, size):
            for rows, is_valid in _valid_parts(batch):
                sizes = _sizes(rows, is_valid)
                for begin, end in _spans(sizes):
                    unpacked += int(sizes[begin:end].sum())
                    check_expansion(unpacked, size, self.rules.max_expansion)
                    yield rows.slice(begin, end - begin), is_valid

    def rows(self, piece: pa.RecordBatch, position: int, is_valid: bool) -> list[dict[str, Any] | None]:
        """Each row as a record, or None for one that was quarantined; invalid rows come one by one."""
        names = piece.schema.names
        text_name = next((name for name in self.rules.text_fields if name in names), None)
        fault = self.text_fault(piece, text_name, is_valid)
        if fault:
            self.quarantine(BadRecord(position, fault, b""))
            return [None] * piece.num_rows
        read = self.values
        columns = [
            read.texts(column) if name == text_name else read.metadata(column, name)
            for name, column in zip(names, piece.columns, strict=True)
        ]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] or [{}] * piece.num_rows

    def text_fault(self, piece: pa.RecordBatch, text_name: str | None, is_valid: bool) -> str | None:
        """The reason why the text of a piece of one row cannot even be looked at."""
        if piece.num_rows > 1 or text_name is None:
            return None
        text = piece.select([text_name])
        if not is_valid and (error := _fault(text)):
            return f"a value that cannot be read: {error}"
        size, limit = int(row_bytes(text.column(0))[0]) - FIXED_BYTES, self.rules.max_record_bytes
        if size > MAX_CHARACTER * limit + MIB:
            return f"a text of {size:,} bytes: more than max_record_bytes = {limit:,}"
        return None


class ParquetFiles(TableReader):
    """Parquet."""

    name = "📒 Parquet"

    def batches(self, file: BinaryIO, size: int) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(file) as table:
            groups = [table.metadata.row_group(i) for i in range(table.num_row_groups)]
            self.rows_in_file = table.metadata.num_rows
        chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
        check_expansion(sum(chunk.total_uncompressed_size for chunk in chunks), size, self.rules.max_expansion)
        strings = [chunk for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"]
        prefixed = {chunk.path_in_schema for chunk in strings if PREFIXED in chunk.encodings}
        stored_once = {chunk.path_in_schema for chunk in strings} - prefixed  # each value of a dictionary
        file.seek(0)
        with pq.ParquetFile(file, read_dictionary=sorted(stored_once)) as table:
            for number, group in enumerate(groups):
                average = max(1, group.total_byte_size // max(1, group.num_rows))
                rows = PREFIXED_ROWS if prefixed else min(BATCH_ROWS, max(1, BYTES_AT_ONCE // average))
                yield from table.iter_batches(batch_size=rows, row_groups=[number])


class ArrowFiles(TableReader):
    """Arrow IPC, stream (as `datasets.save_to_disk` writes it) or file."""

    name = "🪶 Arrow"

    def batches(self, file: BinaryIO, size: int) -> Iterator[pa.RecordBatch]:
        is_stream = file.read(len(MAGIC)) != MAGIC
        file.seek(0)
        check_expansion(unpacked_bytes(file), size, self.rules.max_expansion)
        file.seek(0)
        if is_stream:
            with pa.ipc.open_stream(file) as stream:
                yield from stream
        else:
            with pa.ipc.open_file(file) as table:
                yield from (table.get_batch(i) for i in range(table.num_record_batches))


def _valid_parts(batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """The rows in parts that are valid; rows that are not, one by one."""
    for begin in range(0, batch.num_rows, ROWS_MEASURED):
        part = batch.slice(begin, ROWS_MEASURED)
        if (is_valid := _fault(part) is None) or part.num_rows == 1:
            yield part, is_valid
        else:
            half = part.num_rows // 2
            yield from _valid_parts(part.slice(0, half))
            yield from _valid_parts(part.slice(half))


def _fault(rows: pa.RecordBatch | pa.Array) -> Exception | None:
    try:
        rows.validate(full=True)
    except (pa.ArrowException, OverflowError) as error:
        return error
    return None


def _sizes(rows: pa.RecordBatch, is_valid: bool) -> np.ndarray:
    columns = (column for column in rows.columns if is_valid or _fault(column) is None)
    return sum(map(row_bytes, columns), np.ones(rows.num_rows, np.int64))


def _spans(sizes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Neighbours of at most ROWS_AT_ONCE rows and BYTES_AT_ONCE, or one row that is larger."""
    total, begin = np.cumsum(sizes), 0
    while begin < len(sizes):
        before = int(total[begin - 1]) if begin else 0
        end = int(np.searchsorted(total, before + BYTES_AT_ONCE, side="right"))
        end = min(max(end, begin + 1), begin + ROWS_AT_ONCE)
        yield begin, end
        begin = end
