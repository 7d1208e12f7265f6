"""The near-duplicate index of a partition: what later partitions need to know of its documents, without their text.

`index.arrow` is an Arrow IPC stream, rows in reading order: doc_id, text_hash (xxh3_128 of the normalised text),
source, uri, origin, bands (fixed_size_list<uint64>: equal values are MinHash bands that agree; zeros where a document
has no words) and shingles (large_list<uint32>: the sorted different hashes of its word n-grams).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from tasks.curate.config import MinHash
from tasks.curate.minhash import bands

ROWS_A_BATCH = 65_536
DOCUMENT_COLUMNS = ["doc_id", "text_hash", "source", "uri", "origin"]
COLUMNS = [*DOCUMENT_COLUMNS, "bands", "shingles"]
INDEX_ONLY = ["source", "uri", "origin", "bands", "shingles"]


@dataclass(frozen=True)
class Index:
    documents: pa.Table  # the columns of PLACES
    bands: np.ndarray  # (documents, bands) uint64
    shingles: list[np.ndarray]  # by document, views of the file


def index_columns(shingles: list[np.ndarray], config: MinHash) -> dict[str, pa.Array]:
    flat = pa.array(bands(shingles, config).reshape(-1))
    ends = np.cumsum([0] + [len(s) for s in shingles])
    values = np.concatenate(shingles) if shingles else np.zeros(0, np.uint32)
    return {
        "bands": pa.FixedSizeListArray.from_arrays(flat, config.bands),
        "shingles": pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), pa.array(values, pa.uint32())),
    }


def write_index(table: pa.Table, path: Path) -> None:
    table = table.select(COLUMNS)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        for begin in range(0, table.num_rows, ROWS_A_BATCH):
            writer.write_table(table.slice(begin, ROWS_A_BATCH).combine_chunks(), ROWS_A_BATCH)


def read_documents(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_stream(source).read_all().select(DOCUMENT_COLUMNS)


def read_index(path: Path) -> Index:
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_stream(source).read_all()
    width = table.schema.field("bands").type.list_size
    rows = [np.zeros((0, width), np.uint64)]
    shingles: list[np.ndarray] = []
    for batch in table.to_batches():
        rows.append(batch["bands"].flatten().to_numpy().reshape(-1, width))
        values, ends = batch["shingles"].values.to_numpy(), batch["shingles"].offsets.to_numpy()
        shingles += [values[begin:end] for begin, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    return Index(table.select(DOCUMENT_COLUMNS), np.concatenate(rows), shingles)
