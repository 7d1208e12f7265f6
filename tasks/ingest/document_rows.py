"""The two tables of ingest, and their writer: the same rows always give the same bytes."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.sources import MIB

DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
    ]
)
QUARANTINE = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw", pa.binary(), nullable=False),
    ]
)
ROWS_PER_GROUP = 8192
BYTES_PER_GROUP = 16 * MIB


class RowWriter:
    """Writes a Parquet file in row groups that depend on the rows alone; the file gets its name once it is complete."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.schema = path, schema
        self.writer = pq.ParquetWriter(path.with_suffix(".tmp"), schema, compression="zstd")
        self.rows, self.bytes = list[tuple[Any, ...]](), 0

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            self.flush()
        self.writer.close()
        if failure is None:
            self.path.with_suffix(".tmp").replace(self.path)

    def add(self, row: tuple[Any, ...], size: int) -> None:
        self.rows.append(row)
        self.bytes += size
        if len(self.rows) >= ROWS_PER_GROUP or self.bytes >= BYTES_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        if self.rows:
            columns = [pa.array(c, f.type) for c, f in zip(zip(*self.rows, strict=True), self.schema, strict=True)]
            self.writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self.schema))
            self.rows, self.bytes = [], 0
