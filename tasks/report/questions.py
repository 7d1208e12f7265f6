"""The section on a recipe's own questions: what each model answered, the worst answers first."""

import json
from pathlib import Path
from textwrap import shorten
from typing import Any

from tasks.evaluate.own_questions import ANSWERS
from tasks.report.blocks import Block, Paragraph, Section, table
from tasks.tables.views import RunTables

MOST = 8  # answers of a table
CHARACTERS = 240  # of a text


def questions(tables: RunTables, labels: list[str]) -> Section | None:
    """For each evaluation among a run's `labels` that has own questions: the worst answers and the best."""
    blocks = list[Block]()
    for label in (label for label in labels if label.startswith("evaluate/")):
        for folder in tables.partitions(label).values():
            blocks += _tables(label.rpartition("/")[2], folder / ANSWERS)
    if not blocks:
        return None
    about = "Scores from 0 to 1. `lookup` is the base with passages of the training text before the question."
    return Section("questions", "Your own questions", [Paragraph(about), *blocks])


def _tables(role: str, file: Path) -> list[Block]:
    if not file.is_file():
        return []
    given: dict[str, dict[str, Any]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        given.setdefault(row["id"], {"row": row})[row["model"]] = row
    ordered = sorted(given.values(), key=lambda answers: answers[role]["score"])
    best = [answers for answers in reversed(ordered[MOST:]) if answers[role]["score"] > 0][:MOST]
    blocks: list[Block] = [
        table(f"{role}: the questions answered worst", [_row(role, each) for each in ordered[:MOST]])
    ]
    return blocks + ([table(f"{role}: and best", [_row(role, each) for each in best])] if best else [])


def _row(role: str, answers: dict[str, dict[str, Any]]) -> dict[str, str]:
    asked = answers["row"]
    prompt = asked["prompt"] if isinstance(asked["prompt"], str) else asked["prompt"][-1]["content"]
    others = {name: row for name, row in answers.items() if name not in ("row", role)}
    shown = {"question": prompt, "accepted": " or ".join(map(str, asked["accepted"])), role: _scored(answers[role])}
    shown |= {name: _scored(row) for name, row in others.items()}
    return {name: shorten(text, CHARACTERS, placeholder=" …") for name, text in shown.items()}


def _scored(row: dict[str, Any]) -> str:
    return f"{row['score']:.2f} {row['answer'] or '(nothing)'}"
