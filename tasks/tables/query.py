"""SQL over tables and Parquet files: the one door to DuckDB."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tasks.errors import UsageError

THREADS = 2  # fixed: sums of floats depend on how the rows were shared out
PARAMETER = re.compile(r"(?<![\w$])\$([A-Za-z_]\w*)")
COMMENT = re.compile(r"--[^\n]*")
NAME = re.compile(r"[A-Za-z_]\w*")

Source = pa.Table | Path | list[Path]  # Path: a Parquet file


def query(sql: str | Path, params: Mapping[str, Any], tables: Mapping[str, Source]) -> pa.Table:
    """The answer of one statement over the named tables; of `params` only those that the SQL names are bound."""
    text = sql.read_text(encoding="utf-8") if isinstance(sql, Path) else sql
    with duckdb.connect(":memory:", config={"threads": THREADS}) as connection:
        for name, source in tables.items():
            _register(connection, name, source)
        bound = {name: params[name] for name in parameters(text)}
        return connection.sql(text, params=bound).to_arrow_table()


def ask(
    sql: str, params: Mapping[str, Any], tables: Mapping[str, Callable[[], Any]], views: Mapping[str, str]
) -> pa.Table:
    """The answer to a question of the user's own: read-only, and no file but the run's own tables can be reached.

    Only the tables that the question names, itself or through a view, are opened. A parameter not given is NULL.
    """
    with duckdb.connect(":memory:", config={"threads": THREADS}) as connection:
        connection.execute("set python_enable_replacements = false; set enable_progress_bar = false")
        wanted = _named(sql, views)
        for name in sorted(wanted & tables.keys()):
            connection.register(name, tables[name]())
        for name in (view for view in views if view in wanted):
            connection.execute(f"create view {name} as {views[name]}")
        connection.execute("set enable_external_access = false; set lock_configuration = true")
        try:
            _only_questions(connection, sql)
            bound = {name: params.get(name) for name in parameters(sql)}
            return connection.sql(sql, params=bound).to_arrow_table()
        except duckdb.Error as error:
            known = ", ".join(sorted({*views, *(t for t in tables if "_" not in t)}))
            raise UsageError(
                f"SQL: {error}", f"the views are: {known}; `triptych sql --list` shows examples"
            ) from error


def parameters(sql: str) -> list[str]:
    """The $names of a statement, comments left out."""
    return sorted(set(PARAMETER.findall(COMMENT.sub("", sql))))


def _only_questions(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(str(s.type).rpartition(".")[2] for s in statements) or "nothing"
        raise UsageError(f"one question is expected, found: {kinds}", "write one SELECT; this door only reads")


def _named(sql: str, views: Mapping[str, str]) -> set[str]:
    """Every name in the statement, and in the views that it names."""
    names, waiting = set[str](), [sql.lower()]
    while waiting:
        new = set(NAME.findall(COMMENT.sub("", waiting.pop()))) - names
        names |= new
        waiting += [views[name] for name in new if name in views]
    return names


def _register(connection: duckdb.DuckDBPyConnection, name: str, source: Source) -> None:
    if isinstance(source, pa.Table):
        connection.register(name, source)
        return
    files = [str(path) for path in ([source] if isinstance(source, Path) else source)]
    connection.register(name, connection.read_parquet(files))
