"""Documents of ingest artifacts, read for a person: all but the text of every one, or the text of a few."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.curate.normalise import normalise
from tasks.privacy import mask

DESCRIPTION = ["doc_id", "source", "uri", "position", "licence", "origin", "metadata"]


def described(folders: Mapping[str, Path]) -> pa.Table:
    """What is known of every document without opening its text; `folders` are ingest artifacts by partition."""
    tables = []
    for partition, path in _files(folders):
        table = pq.read_table(path, columns=DESCRIPTION)
        tables.append(table.append_column("partition", pa.repeat(pa.scalar(partition), len(table))))
    schema = pa.schema([(name, pa.int64() if name == "position" else pa.string()) for name in DESCRIPTION])
    return pa.concat_tables(tables) if tables else schema.append(pa.field("partition", pa.string())).empty_table()


def texts(
    folders: Mapping[str, Path], doc_ids: Collection[str], form: Literal["NFC", "NFKC", "none"]
) -> dict[str, str]:
    """The normalised texts of these documents, personal data masked; only the row groups that hold them are read."""
    wanted, found = set(doc_ids), dict[str, str]()
    for _, path in _files(folders):
        if wanted:
            here = dict(_texts_in(path, wanted))
            found |= {doc_id: mask(normalise(text, form))[0] for doc_id, text in here.items()}
            wanted -= here.keys()
    return found


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
