"""`triptych sql`: the questions that come with triptych, and those of the user, about one run."""

import csv
import io
import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

from flows.run_tables import record_of, tables_of
from tasks.errors import UsageError
from tasks.home import Home
from tasks.tables.views import RunTables

TABLES = ("arena", "curve", "feedback", "models", "rules", "scores", "steps")  # beside the views
SHOW_TABLES = re.compile(r"\s*show\s+(all\s+)?tables\s*;?\s*", re.IGNORECASE)


def questions() -> dict[str, str]:
    """{name: its leading comment} of every question in sql/."""
    statements = {f.name.removesuffix(".sql"): f.read_text() for f in files("sql").iterdir() if f.name.endswith(".sql")}
    return {name: _leading_comment(text) for name, text in sorted(statements.items())}


def answer(home: Home, name: str, expression: str, params: Sequence[str], run: str) -> list[dict[str, Any]]:
    """The rows of a question by name, or of an expression, about one run."""
    if bool(name) == bool(expression):
        raise UsageError(
            "one question is expected", "triptych sql NAME, or triptych sql -e 'SELECT …'; --list shows all"
        )
    statement = expression or _statement(name)
    values = dict(_parameter(param) for param in params)
    record = record_of(home, run)
    from tasks.tables.query import ask, parameters

    if unknown := values.keys() - set(parameters(statement)):
        takes = ", ".join(parameters(statement)) or "none"
        raise UsageError(f"no parameter {', '.join(sorted(unknown))} in this question", f"it takes: {takes}")
    tables = tables_of(home, record)
    if SHOW_TABLES.fullmatch(statement):
        return [{"name": name} for name in sorted({*TABLES, *tables.views()})]
    return ask(statement, values, tables.raw(), tables.views()).to_pylist()


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """Comma-separated values with a header."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def _statement(name: str) -> str:
    known = questions()
    if name not in known:
        if name in TABLES or name in RunTables.views():
            raise UsageError(f"{name} is a table and no question", f"triptych sql -e 'SELECT * FROM {name}'")
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"no question {name!r}", f"{hint}there are: {', '.join(known)}")
    from tasks.tables.query import statement

    return statement(f"{name}.sql")


def _leading_comment(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"-p {text}: NAME=VALUE is expected", "write e.g. -p min_words=80")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value
