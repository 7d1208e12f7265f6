"""Conditions of a recipe's own: a name, and in SQL over the signals what must be true of a document that stays.

[curate.keep_if]
long_enough = "plain_words >= 80"          # a document for which it is not true is dropped; the reason is long_enough
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import pyarrow as pa

from tasks.errors import UsageError
from tasks.tables.query import UNKNOWN_COLUMN, ask

STATES = ("kept", "live", "empty", "takedown", "superseded", "removed")  # what else stands where reasons do
VOLATILE = re.compile(r"(?i)\b(random|uuid\w*|gen_random_uuid|now|today|current_\w+|nextval)\b")


def check(conditions: Mapping[str, str], own_signals: Iterable[str] = ()) -> None:
    """ValueError where a condition is not SQL over signals; `own_signals` are those of the recipe's own."""
    from tasks.curate.rules import RULES
    from tasks.curate.signals import SCHEMA

    own = [(name, pa.float64()) for name in own_signals]
    rows = pa.schema([("doc_id", pa.string()), *SCHEMA, *own]).empty_table()
    for name, condition in conditions.items():
        if name in RULES or name in STATES:
            raise ValueError(f"{name} is the name of another reason: give the condition another name")
        if volatile := VOLATILE.search(condition):
            raise ValueError(f"{name}: {volatile[0]}… gives another result each time: name signals only")
        try:
            _case(name, condition, rows)
        except UsageError as error:
            raise ValueError(f"{name}: {error.what}; {error.cure}") from None


def unmet(conditions: Mapping[str, str], rows: pa.Table) -> pa.Table:
    """doc_id and `unmet`: the sorted names of the conditions that are false or unknown (NULL) for the document.

    UsageError with the nearest names where a condition names no column, or is no condition.
    """
    cases = [_case(name, condition, rows) for name, condition in sorted(conditions.items())]
    sql = f"select doc_id, list_filter([{', '.join(cases)}]::varchar[], lambda x: x is not null) as unmet from facts"
    return ask(sql, {}, {"facts": lambda: rows}, {})


def _case(name: str, condition: str, rows: pa.Table) -> str:
    case = f"case when not coalesce(cast((\n{condition}\n) as boolean), false) then '{name}' end"
    try:
        ask(f"select {case} from facts limit 0", {}, {"facts": lambda: rows}, {})
    except UsageError as error:
        raise _explained(condition, error, sorted(rows.column_names)) from error
    return case


def _explained(condition: str, error: UsageError, known: list[str]) -> UsageError:
    if unknown := UNKNOWN_COLUMN.search(error.what):
        near = get_close_matches(unknown[1], known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        own = f"a field of the records is written metadata->>'{unknown[1]}'; " if "metadata" in known else ""
        return UsageError(f"no signal or column {unknown[1]!r}", f"{hint}{own}there are: {', '.join(known)}")
    what = error.what.removeprefix("SQL: ").partition("\n\nLINE")[0]
    return UsageError(
        f"{condition!r} is no condition: {what}", "write what holds for what stays, as in SQL: 'words >= 80'"
    )
