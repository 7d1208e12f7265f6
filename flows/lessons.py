"""Questions with answers, and pairs of answers, that a folder holds: tried as fine-tuning will read them."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from tasks.finetune.preferences import PreferenceRows
from tasks.finetune.rows import InstructionRows
from tasks.ingest.survey import Survey

ROWS = {"instruct": InstructionRows, "prefer": PreferenceRows}
TRIED = 200_000  # rows of a file; those after them are taken to be like these
MARGIN = 1.5  # times the bad rows that are expected, where not all were tried


class Lessons(NamedTuple):
    """A file of rows, of which most can be used."""

    path: Path
    name: str  # in the folder
    bad: int
    allowed: int  # bad rows


def lessons(found: Survey) -> dict[str, Lessons]:
    """The files that fine-tuning can read, by the way of fine-tuning."""
    read = {way: _tried(way, found.root / name, name) for way, name in found.taught.items()}
    return {way: one for way, one in read.items() if one is not None}


def notes(found: Survey, readable: Mapping[str, Lessons]) -> list[str]:
    """What there is to say of the rows that were found."""
    told = []
    for way, name in found.taught.items():
        if one := readable.get(way):
            told.append(f"{name}, to {way} by" + (f"; {one.bad:,} of its rows cannot be used" if one.bad else ""))
        else:
            told.append(f"{name} is not proposed, though it looks like rows to {way} by: most of them cannot be used")
    return told


def _tried(way: str, path: Path, name: str) -> Lessons | None:
    try:
        config = ROWS[way](path=path, max_bad_rows=sys.maxsize)
    except ValidationError:
        return None
    good, bad, is_whole = config.tally(TRIED)
    if bad > good:
        return None
    return Lessons(path, name, bad, bad if is_whole else math.ceil(MARGIN * bad))
