"""Queries of DuckDB: named parameters, and SQL of users that can read nothing but the run's own tables."""

import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from tasks.errors import UsageError
from tasks.tables.query import SqlError, ask, parameters, query

DOCUMENTS = pa.table({"doc_id": ["a", "b", "c"], "language": ["en", None, "de"]})
TABLES = {"documents": lambda: DOCUMENTS, "never": lambda: pytest.fail("opened a table that no query names")}
VIEWS = {"spoken": "select doc_id, coalesce(language, 'unknown') as language from documents"}


def rows(sql: str, **params: object) -> list[dict]:
    return ask(sql, params, TABLES, VIEWS).to_pylist()


def test_only_the_tables_that_a_query_names_are_opened_through_views_too():
    assert len(rows("select * from spoken")) == 3


def test_a_parameter_not_given_is_null_and_loses_no_row():
    sql = "select doc_id from documents where $language is null or language = $language order by doc_id"
    assert [r["doc_id"] for r in rows(sql)] == ["a", "b", "c"]
    assert [r["doc_id"] for r in rows(sql, language="de")] == ["c"]


@pytest.mark.parametrize(
    "sql",
    [
        "create table t as select 1",
        "copy (select 1) to 'leak.csv'",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "attach 'other.db'",
        "set enable_external_access = true",
        "select 1; drop view spoken",
        "install httpfs",
        "pragma database_list",
        "",
    ],
)
def test_a_query_can_neither_write_nor_read_files_nor_change_settings(sql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        rows(sql)
    assert not list(tmp_path.iterdir())


def test_the_parameters_of_a_statement_are_those_that_duckdb_sees():
    assert parameters("select $b, '$text', $a -- $comment\n, $$ $quoted $$") == ["a", "b"]
    for wrong in ("selec 1", "select 1; select 2", "drop table t"):
        with pytest.raises(UsageError, match="SQL"):
            parameters(wrong)


def test_a_mistake_in_sql_names_the_views_there_are():
    with pytest.raises(UsageError) as error:
        rows("select * from document")
    assert "documents, never, spoken" in error.value.cure


def test_a_query_binds_only_the_parameters_that_its_sql_names():
    result = query(
        "select count(*) as n from t where x > $least -- not $other",
        {"least": 1, "other": 2},
        {"t": pa.table({"x": [1, 2, 3]})},
    )
    assert result.to_pylist() == [{"n": 2}]


ENDLESS = "select count(*) as n from range(100000000) a, range(100000000) b where (a.range * b.range) % 7 = 3"
ASKING = f"""
import sys
from commands.process import exit_with_code, run_briefly
from tasks.tables.query import ask

def main():
    print("asking", flush=True)
    ask({ENDLESS!r}, {{}}, {{}}, {{}})

run_briefly(lambda: exit_with_code(main))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_statement_that_takes_for_ever(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", ASKING], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr and process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(number)
        try:
            assert process.wait(20) == 130
        finally:
            process.kill()
        assert b"Traceback" not in process.stderr.read()


def test_a_statement_spills_into_a_folder_of_its_own_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".tmp").mkdir()
    (tmp_path / ".tmp" / "x.txt").write_text("secret")
    for sql in ("select * from read_text('.tmp/x.txt')", "select * from glob('.tmp/*')"):
        with pytest.raises(UsageError, match="disabled by configuration"):
            ask(sql, {}, {}, {})
        with pytest.raises(SqlError, match="disabled by configuration"):
            query(sql, {}, {})


def test_more_than_one_statement_is_refused():
    with pytest.raises(SqlError, match="one statement"):
        query("select 1; select 2", {}, {})
