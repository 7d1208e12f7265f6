"""The record of a run, and the tables that DuckDB queries for it."""

from typing import TYPE_CHECKING, Any

from flows.record import RunRecord, latest, read
from tasks.errors import UsageError, UserError
from tasks.home import Home

if TYPE_CHECKING:
    import pyarrow as pa

    from tasks.tables.views import RunTables


def tables_of(home: Home, record: RunRecord) -> "RunTables":
    """The tables of that run."""
    from tasks.tables.views import RunTables

    return RunTables(home, record.as_json(), lambda: _models(home), lambda: _rules(record))


def record_of(home: Home, run: str = "") -> RunRecord:
    """The record of that run, or of the latest; UserError where there is none."""
    if run:
        path = home.records / f"{run}.json"
        if not path.is_file():
            raise UsageError(f"no run {run!r} in {home}", "triptych status shows the latest")
        return read(path)
    record = latest(home)
    if record is None:
        raise UserError(f"no run in {home} yet", "triptych run demo")
    return record


def _rules(record: RunRecord) -> "pa.Table":
    from flows.load import curation_of
    from tasks.curate.rules import rules_table

    return rules_table(curation_of(record))


def _models(home: Home) -> list[dict[str, Any]]:
    from tasks.tracking.registry import models

    return models(home)
