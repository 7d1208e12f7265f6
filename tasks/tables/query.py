"""SQL over tables and Parquet files. DuckDB is imported here and nowhere else."""

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import duckdb
import pyarrow as pa

from tasks.errors import UsageError

LOCKED = "set enable_external_access = false; set lock_configuration = true"
THREADS = 2  # fixed: sums of floats depend on how the rows were divided among threads
SECONDS_TO_END = 2.0  # of an interrupted statement
COMMENT = re.compile(r"--[^\n]*")
UNKNOWN_COLUMN = re.compile(r'column "([^"]+)" not found')
NAME = re.compile(r"[A-Za-z_]\w*")


class SqlError(Exception):
    """What DuckDB says of a statement that it refuses."""


TableData = pa.Table | Path | list[Path]  # Path: a Parquet file


def statement(name: str) -> str:
    """The text of a file below sql/, such as `internal/decide.sql`."""
    return (files("sql") / name).read_text(encoding="utf-8")


def query(sql: str, params: Mapping[str, Any], tables: Mapping[str, TableData]) -> pa.Table:
    """The result of one statement over the named tables; of `params` only those that the SQL names are bound.

    Conditions of a recipe may stand in it, and a recipe may come from anybody: no file but those of the tables can be
    read, none written, and no setting changed.
    """
    with _connection() as connection:
        paths = [path for data in tables.values() if not isinstance(data, pa.Table) for path in _paths(data)]
        quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        connection.execute(f"set allowed_paths = [{quoted}]")
        for name, data in tables.items():
            connection.register(name, data if isinstance(data, pa.Table) else connection.read_parquet(_paths(data)))
        connection.execute(LOCKED)
        try:
            (parsed,) = connection.extract_statements(sql)
            bound = {name: params[name] for name in parsed.named_parameters}
            return connection.sql(sql, params=bound).to_arrow_table()
        except ValueError:
            raise SqlError("one statement is expected") from None
        except duckdb.OutOfMemoryException as error:
            raise MemoryError(str(error).split("\n")[0]) from None
        except duckdb.Error as error:
            raise SqlError(str(error)) from None


def ask(
    sql: str, params: Mapping[str, Any], tables: Mapping[str, Callable[[], Any]], views: Mapping[str, str]
) -> pa.Table:
    """The result of a user's own statement: read-only, and no file but the given tables can be read.

    Only the tables that the statement names, itself or through a view, are opened. A parameter not given is NULL.
    """
    with _connection() as connection:
        named = _names(sql, views)
        for name in sorted(named & tables.keys()):
            connection.register(name, tables[name]())
        for name in (view for view in views if view in named):
            connection.execute(f"create view {name} as {views[name]}")
        connection.execute(LOCKED)
        try:
            bound = {name: params.get(name) for name in _select(connection, sql).named_parameters}
            return _interruptible(connection, lambda: connection.sql(sql, params=bound).to_arrow_table())
        except duckdb.Error as error:
            known = ", ".join(sorted({*views, *(t for t in tables if "_" not in t)}))
            own = UNKNOWN_COLUMN.search(str(error))
            field = f"a field of the records is metadata->>'{own[1]}' of documents; " if own else ""
            raise UsageError(
                f"SQL: {error}", f"{field}the views are: {known}; `triptych sql --list` shows examples"
            ) from error
        except MemoryError as error:
            raise UsageError(
                "SQL: the result does not fit into memory", "add a limit, or ask for fewer columns"
            ) from error


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory, with a folder of its own for what does not fit there."""
    with TemporaryDirectory(prefix="triptych-sql-") as spill:
        config: dict[str, Any] = {"threads": THREADS, "temp_directory": spill, "python_enable_replacements": False}
        connection = duckdb.connect(":memory:", config=config)
        connection.execute("set enable_progress_bar = false")
        try:
            yield connection
        finally:
            with suppress(duckdb.Error):  # of a statement that does not heed its interruption
                connection.close()


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], pa.Table]) -> pa.Table:
    """Its result, reached in another thread: where this one waits within DuckDB, no signal is heard."""
    outcome: Future[pa.Table] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        return outcome.result()
    except BaseException:
        connection.interrupt()
        thread.join(SECONDS_TO_END)
        raise


def parameters(sql: str) -> list[str]:
    """The $names of a user's statement; UsageError where it is not one SELECT."""
    with duckdb.connect(":memory:") as connection:
        try:
            return sorted(_select(connection, sql).named_parameters)
        except duckdb.Error as error:
            raise UsageError(f"SQL: {error}", "`triptych sql --list` shows examples") from error


def _select(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(str(s.type).rpartition(".")[2] for s in statements) or "nothing"
        raise UsageError(f"SQL: one SELECT is expected, not {kinds}", "write one SELECT; nothing can be written here")
    return statements[0]


def _names(sql: str, views: Mapping[str, str]) -> set[str]:
    """Every name in the statement, and in the views that it names.

    More than its tables; `get_table_names` would give these alone, but it binds the statement, and so refuses one with
    parameters, or with a join whose tables are not there yet.
    """
    names, waiting = set[str](), [sql.lower()]
    while waiting:
        new = set(NAME.findall(COMMENT.sub("", waiting.pop()))) - names
        names |= new
        waiting += [views[name] for name in new if name in views]
    return names


def _paths(data: Path | list[Path]) -> list[str]:
    return [str(path) for path in ([data] if isinstance(data, Path) else data)]
