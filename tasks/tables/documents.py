"""Documents in Parquet files, read for a person: all but the text of every one, or the text of a few."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

DESCRIPTION = ["doc_id", "source", "uri", "position", "licence", "origin", "metadata"]


def describe(folders: Mapping[str, Path]) -> pa.Table:
    """One row per document with everything but its text; `folders` are ingest artifacts by partition."""
    tables = []
    for partition, path in _files(folders):
        table = pq.read_table(path, columns=DESCRIPTION)
        tables.append(table.append_column("partition", pa.repeat(pa.scalar(partition), len(table))))
    schema = pa.schema([(name, pa.int64() if name == "position" else pa.string()) for name in DESCRIPTION])
    return pa.concat_tables(tables) if tables else schema.append(pa.field("partition", pa.string())).empty_table()


def read_texts(files: Iterable[Path], doc_ids: Collection[str]) -> dict[str, str]:
    """The texts of those of these documents that the files hold; only the row groups that hold them are read."""
    wanted, texts = set(doc_ids), dict[str, str]()
    for path in files:
        if wanted:
            texts |= _texts_in(path, wanted)
            wanted -= texts.keys()
    return texts


def _texts_in(path: Path, wanted: set[str]) -> Iterable[tuple[str, str]]:
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            ids = file.read_row_group(group, columns=["doc_id"])["doc_id"].to_pylist()
            rows = [row for row, doc_id in enumerate(ids) if doc_id in wanted]
            if rows:
                table = file.read_row_group(group, columns=["text"]).take(rows)
                yield from zip((ids[row] for row in rows), table["text"].to_pylist(), strict=True)


def _files(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for partition, folder in folders.items():
        for path in sorted(folder.glob("documents/*.parquet")):
            yield partition, path
