"""Questions with answers, and pairs of answers, that a folder holds: tried as fine-tuning will read them."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from commands.init.survey import Survey
from tasks.finetune.preferences import PreferenceRows
from tasks.finetune.rows import InstructionRows

ROWS = {"instruct": InstructionRows, "prefer": PreferenceRows}
TRIED = 200_000  # rows of a file; those after them are taken to be like these
MARGIN = 1.5  # times the bad rows that are expected, where not all were tried


class Lessons(NamedTuple):
    """A file of rows, of which most can be used."""

    path: Path
    name: str  # in the folder
    bad: int
    allowed: int  # bad rows


class Useless(NamedTuple):
    """A file whose records look like rows, and why it is not proposed."""

    name: str
    why: str


def lessons(found: Survey) -> dict[str, Lessons | Useless]:
    """The files of rows that were found, by the way of fine-tuning, tried."""
    return {way: _tried(way, found.root / name, name) for way, name in found.taught.items()}


def readable(tried: Mapping[str, Lessons | Useless]) -> dict[str, Lessons]:
    return {way: one for way, one in tried.items() if isinstance(one, Lessons)}


def notes(tried: Mapping[str, Lessons | Useless]) -> list[str]:
    """What there is to say of the rows that were found."""
    told = []
    for way, one in tried.items():
        if isinstance(one, Useless):
            told.append(f"{one.name} is not proposed, though it looks like rows to {way} by: {one.why}")
        else:
            told.append(f"{one.name}, to {way} by" + (f"; {one.bad:,} of its rows cannot be used" if one.bad else ""))
    return told


def _tried(way: str, path: Path, name: str) -> Lessons | Useless:
    try:
        config = ROWS[way](path=path, max_bad_rows=sys.maxsize).resolve()
    except ValueError as error:
        return Useless(name, str(error).splitlines()[0])
    good, bad, is_whole = config.tally(TRIED)
    if bad > good:
        return Useless(name, f"{bad:,} of {bad + good:,} rows cannot be used")
    return Lessons(path, name, bad, bad if is_whole else math.ceil(MARGIN * bad))
