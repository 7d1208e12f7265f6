"""Files of fine-tuning rows in a folder, tried as fine-tuning will read them."""

import math
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from commands.init.fields import RowsCandidate
from commands.init.shapes import CONTEXT
from commands.init.survey import Survey
from tasks.finetune.methods.table import METHODS
from tasks.finetune.own_rows import OwnRows
from tasks.finetune.row_formats import PROMPTS

OWN_ROWS = {name: method.own_row_files for name, method in METHODS.items() if method.own_row_files}
TRIED_ROWS = 200_000  # of a file; those after them are taken to be alike
ROW_PASSES, MAX_STEPS = 2, 300  # of training on a file of rows: fewer leave most of them unread
MARGIN = 1.5  # times the expected number of bad rows, where not all were tried


class RowsFile(NamedTuple):
    """A file of rows, most of which can be used."""

    path: Path
    encoding: str | None  # where it is not UTF-8
    name: str  # in the folder
    fields: frozenset[str]  # that are read
    good: int
    bad: int
    max_bad: int  # rows, for the recipe


class UnusableRows(NamedTuple):
    """A file whose records look like rows, and the reason why it is not proposed."""

    name: str
    why: str


TriedRows = Mapping[str, RowsFile | UnusableRows]  # by method of fine-tuning


def try_rows(survey: Survey) -> TriedRows:
    """The folder's files of fine-tuning rows, each tried."""
    return {method: _try(method, survey, file) for method, file in survey.rows_files.items()}


def usable(tried: TriedRows) -> dict[str, RowsFile]:
    """The files that fine-tuning can read, by method."""
    return {method: file for method, file in tried.items() if isinstance(file, RowsFile)}


def notes(tried: TriedRows) -> list[str]:
    """A sentence on each file of rows, for a person."""
    sentences = []
    for method, file in tried.items():
        if isinstance(file, UnusableRows):
            sentences.append(f"{file.name} is not proposed, though its records look like {method} rows: {file.why}")
        else:
            bad = f"; {file.bad:,} of its rows cannot be used" if file.bad else ""
            sentences.append(f"{file.name}, for finetune.{method}: {file.good:,} rows, {_in_words(file.fields)}{bad}")
    return sentences


def instruct_settings(tried: TriedRows) -> dict[str, Any]:
    """Batch and steps of instruction tuning: for a large file of rows as many steps as read them twice."""
    settings = dict(OWN_ROWS["instruct"].settings)
    if file := usable(tried).get("instruct"):
        rows = file.good * (1 - 2 * OwnRows().held_out)
        settings["steps"] = max(settings["steps"], min(MAX_STEPS, round(ROW_PASSES * rows / settings["batch"])))
    return settings


def further_tokens(tried: TriedRows) -> int:
    """What that reads more than the usual steps do."""
    settings = instruct_settings(tried)
    return (settings["steps"] - OWN_ROWS["instruct"].settings["steps"]) * settings["batch"] * CONTEXT


def _in_words(fields: frozenset[str]) -> str:
    """`question → answer`: what is asked, then what is learned."""
    first = sorted(fields & {*PROMPTS})
    rest = ", ".join(sorted(fields - {*PROMPTS}))
    return " → ".join([*first, rest])


def _try(method: str, survey: Survey, file: RowsCandidate) -> RowsFile | UnusableRows:
    """As UTF-8, then in the commonest encoding of the folder's other texts."""
    path, faults = survey.root / file.name, list[str]()
    for encoding in (None, *islice(survey.encodings, 1)):
        try:
            config = METHODS[method].config(path=path, encoding=encoding, max_bad_rows=sys.maxsize).resolve()
            break
        except ValueError as error:
            faults.append(str(error).splitlines()[0])
    else:
        return UnusableRows(file.name, faults[0])
    good, bad, is_whole = config.tally(TRIED_ROWS)
    if bad > good:
        return UnusableRows(file.name, f"{bad:,} of {bad + good:,} rows cannot be used")
    return RowsFile(path, encoding, file.name, file.fields, good, bad, bad if is_whole else math.ceil(MARGIN * bad))
