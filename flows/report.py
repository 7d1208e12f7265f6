"""`triptych report`: one HTML page on a run, made at its end and again by the command."""

from pathlib import Path

from flows.load import curation_of
from flows.mlflow_runs import pipeline_run
from flows.record import FORMAT, RunRecord, other_version
from flows.report_opening import opening
from flows.run_tables import record_of, tables_of
from tasks.home import Home
from tasks.progress import say
from tasks.tracking.tracker import attach_file


def write_report(home: Home, run: str = "") -> Path:
    """The page on that run, or on the latest, written now."""
    record = record_of(home, run)
    if record.format != FORMAT:
        raise other_version(record)
    return _write(home, record)


def _write(home: Home, record: RunRecord) -> Path:
    from tasks.report.page import write_page

    tables, config = tables_of(home, record), curation_of(record)
    return write_page(tables, config, home.reports / f"{record.run}.html", opening(record))


def report_at_end(home: Home, record: RunRecord) -> None:
    """The page on a run that has just made something; one that cannot be drawn fails no run, and is reported."""
    if record.steps and all(step.state in ("cached", "skipped") for step in record.steps):
        return  # all of it is on an earlier run's page
    try:
        attach_file(home, pipeline_run(record), _write(home, record))
    except Exception as error:
        say(f"  no report: {type(error).__name__}: {error}\n  fix: triptych report --run {record.run}")


def page_of(home: Home, run: str) -> Path | None:
    """The page on that run, where one was made."""
    path = home.reports / f"{run}.html"
    return path if path.is_file() else None
