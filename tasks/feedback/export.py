"""Feedback as files in a folder: rows that other commands read, each with the entries that it was made of."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.errors import UsageError, UserError
from tasks.feedback.entry import Feedback
from tasks.feedback.rows import INSTRUCTIONS, KTO, LINEAGE, PREFERENCES, QUESTIONS, MadeRow, feedback_rows
from tasks.store.artifacts import write_durably

FILES = (QUESTIONS, INSTRUCTIONS, PREFERENCES, KTO)


def export_rows(entries: Sequence[Feedback], to: Path, held_out: float) -> dict[str, Any]:
    """{"path", "files": {name: rows}, "left_out": {why: entries}}; files of an earlier export are replaced."""
    rows = feedback_rows(entries, held_out)
    if not rows.files:
        why = "".join(f"\n  {count} left out: {reason}" for reason, count in rows.left_out.items())
        raise UserError(f"no row can be made of {len(entries)} entries{why}", "rate, correct or compare more answers")
    texts = {name: "".join(map(_line, _records(name, made))) for name, made in rows.files.items()}
    texts[LINEAGE] = "".join(map(_line, _lineage(rows.files)))
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name in (*FILES, LINEAGE):
            if name in texts:
                write_durably(to / name, texts[name].encode())
            else:
                (to / name).unlink(missing_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"--to {to}: a file, no folder", "give a folder, or one that is not there yet") from error
    counts = {name: len(rows.files.get(name, [])) for name in FILES}
    return {"path": str(to), "files": counts, "held_out": held_out, "left_out": dict(rows.left_out)}


def _records(name: str, made: Sequence[MadeRow]) -> list[dict[str, Any]]:
    """Questions are read strictly: of them the lineage stands in its own file alone."""
    inline = [{} if name == QUESTIONS else {"lineage": row.lineage} for row in made]
    return [row.record | more for row, more in zip(made, inline, strict=True)]


def _lineage(files: Mapping[str, Sequence[MadeRow]]) -> list[dict[str, Any]]:
    lines = ((name, number, row) for name, made in files.items() for number, row in enumerate(made, 1))
    return [{"file": name, "line": number, **of} for name, number, row in lines for of in row.lineage]


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"
