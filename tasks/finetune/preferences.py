"""Pairs of answers to one prompt, the better one chosen: a user's own, or derived from the documents.

    {"prompt": …, "chosen": …, "rejected": …}        or {"instruction": …, "input": …, "chosen": …, "rejected": …},
                                                     or chosen and rejected as lists of messages that begin alike

Derived pairs set a document's own answer to a template against the answer that another document gave to the same kind
of question: what is preferred is the answer that fits what was asked.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.errors import Skipped
from tasks.finetune.own_rows import conversation
from tasks.finetune.rows import (
    InstructionRows,
    Room,
    Row,
    answers_by_split,
    any_model,
    chosen_own_rows,
    derived_instructions,
)

if TYPE_CHECKING:
    from datasets import DatasetDict

SIDES = ("chosen", "rejected")


class PreferenceRows(InstructionRows):
    """Chosen and rejected answers: templates over the documents' columns, or a user's own file."""

    table: ClassVar[str] = "finetune.prefer"

    def read(self, record: Row) -> Row:
        return preference(record)


def preference_rows(
    config: PreferenceRows,
    curated: Mapping[str, Path],
    shards: Mapping[str, Path] | None = None,
    room: Room = any_model,
) -> tuple["DatasetDict", list[str]]:
    """Rows as instruction_rows gives, the response being the chosen one, and `rejected`; by split, and notes."""
    if config.path:
        rows, notes = chosen_own_rows(config, curated)
    else:
        rows, notes = derived_instructions(config, curated, shards or {}, room)
        rows = against_others(rows)
    if not any(row["split"] == "train" for row in rows):
        raise Skipped("no pair of answers for the training split: " + ("; ".join(notes) or "no two answers differ"))
    return answers_by_split(config, rows, "rejected"), notes


def preference(record: Row) -> Row:
    """One pair; a prompt of its own, or the messages that both answers follow."""
    rest = {name: value for name, value in record.items() if name not in (*SIDES, "prompt", "messages")}
    answers = {side: record.get(side) for side in SIDES}
    if all(isinstance(answer, list) for answer in answers.values()):
        read = {side: conversation(rest | {"messages": answer}) for side, answer in answers.items()}
    else:
        asked = {"prompt": record.get("prompt")}
        read = {
            side: conversation(rest | asked | {"response": answer, "output": answer})
            for side, answer in answers.items()
        }
    chosen, rejected = read["chosen"], read["rejected"]
    if chosen["asked"] != rejected["asked"]:
        raise ValueError("chosen and rejected answer different prompts")
    if chosen["response"] == rejected["response"]:
        raise ValueError("chosen and rejected are the same answer")
    return chosen | {"rejected": rejected["response"]}


def against_others(rows: Sequence[Row]) -> list[Row]:
    """Each row with the next different answer to the same kind of question, of the same split, as the rejected one."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["split"], row["kind"]), []).append(row)
    paired = []
    for row in rows:
        group = groups[row["split"], row["kind"]]
        at = next(n for n, other in enumerate(group) if other is row)
        others = (group[(at + step) % len(group)]["response"] for step in range(1, len(group)))
        rejected = next((other for other in others if other != row["response"]), None)
        if rejected is not None:
            paired.append(row | {"rejected": rejected})
    return paired


def side(row: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """The row's conversation, ended by that answer."""
    *asked, _ = row["messages"]
    return {**row, "messages": [*asked, {"role": "assistant", "content": answer}]}
