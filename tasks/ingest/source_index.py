"""A source's index: a table beside its text files with one row of metadata for each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.ingest.sources import FileSource

CURE = "see `index`, `index_id`, `index_fields` and `index_sha256` of the source"


def index_rows(name: str, source: FileSource, root: Path, files: list[str]) -> dict[str, str]:
    """Each file's row of the index as a JSON object, by the file's name; files without a row are left out."""
    columns = _columns(source)
    rows = {
        str(row[source.index_id]): json.dumps(
            {k: v for k, v in row.items() if k in columns or not source.index_fields},
            sort_keys=True,
            ensure_ascii=False,
            default=str,  # dates
        )
        for row in _read(name, source, root / str(source.index))
    }
    matched = {file: next((rows[key] for key in _spellings(file) if key in rows), None) for file in files}
    return {file: row for file, row in matched.items() if row is not None}


def _read(name: str, source: FileSource, path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import csv, parquet
    from pyarrow import json as arrow_json

    readers = {".csv": csv.read_csv, ".jsonl": arrow_json.read_json, ".parquet": parquet.read_table}
    if path.suffix not in readers or not path.is_file():
        raise UserError(f"{name}: no index {path}", f"give a {', '.join(readers)} file within the source; {CURE}")
    try:
        table = readers[path.suffix](path)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: {error}", "correct the index") from error
    if missing := _columns(source) - set(table.column_names):
        raise UserError(f"{path}: no column {min(missing)!r}, only {', '.join(table.column_names)}", CURE)
    return table.to_pylist()


def _columns(source: FileSource) -> set[str]:
    checksum = (source.index_sha256,) if source.index_sha256 else ()
    return {source.index_id, *checksum, *source.index_fields}


def _spellings(name: str) -> Iterator[str]:
    """The ways in which an index may write a file's name: in full, without its ending, its folder, or both."""
    path = Path(name)
    yield from (name, name.removesuffix(path.suffix), path.name, path.stem)
