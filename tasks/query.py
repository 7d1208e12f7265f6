"""SQL over tables and Parquet files: the one door to DuckDB."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

THREADS = 2  # fixed: sums of floats depend on how the rows were shared out
PARAMETER = re.compile(r"(?<![\w$])\$([A-Za-z_]\w*)")

Source = pa.Table | Path | list[Path]  # Path: a Parquet file


def query(sql: str | Path, params: Mapping[str, Any], tables: Mapping[str, Source]) -> pa.Table:
    """The answer of one statement over the named tables; of `params` only those that the SQL names are bound."""
    text = sql.read_text(encoding="utf-8") if isinstance(sql, Path) else sql
    named = set(PARAMETER.findall(re.sub(r"--[^\n]*", "", text)))
    with duckdb.connect(":memory:", config={"threads": THREADS}) as connection:
        for name, source in tables.items():
            _register(connection, name, source)
        bound = {name: params[name] for name in sorted(named)}
        return connection.sql(text, params=bound).to_arrow_table()


def _register(connection: duckdb.DuckDBPyConnection, name: str, source: Source) -> None:
    if isinstance(source, pa.Table):
        connection.register(name, source)
        return
    files = [str(path) for path in ([source] if isinstance(source, Path) else source)]
    connection.register(name, connection.read_parquet(files))
