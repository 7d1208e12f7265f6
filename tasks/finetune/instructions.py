"""Rows of prompt and response: made of the documents by the recipe's templates, or a user's own."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tasks.errors import Skipped
from tasks.finetune.columns import Documents
from tasks.finetune.own_rows import OwnRows, own_rows
from tasks.finetune.row_formats import Row, conversation, message
from tasks.finetune.rows import RowSource, as_splits, first_by_hash
from tasks.finetune.templates import CONTINUE, PIECES, Template, instruction
from tasks.tables.query import statement

if TYPE_CHECKING:
    from datasets import DatasetDict, Value

CANDIDATES = 3  # documents looked at for each instruction wanted: some suit no template


class InstructionRows(OwnRows):
    """Prompts with responses: templates over the documents' columns, or a user's own file."""

    table: ClassVar[str] = "finetune.instruct"  # of the recipe: where a mistake is to be corrected

    templates: tuple[Template, ...] = Field(default=(CONTINUE,), min_length=1)
    max_rows: int = Field(default=4_000, ge=1)  # in one split

    def read(self, record: Row) -> Row:
        return conversation(record)

    def expressions(self) -> Iterator[tuple[str, str]]:
        own = ((n, template.where) for n, template in enumerate(self.templates) if template.where != CONTINUE.where)
        yield from ((f"templates.{number}.where", where) for number, where in own)


def instructions(config: InstructionRows, source: RowSource) -> tuple[list[Row], list[str]]:
    """Rows prompt, response, origin, kind, doc_id and messages, each with its split; and notes."""
    if config.path:
        rows, notes = own_rows(config)
        rows, placed = source.own(rows)
        return first_by_hash(rows, config.max_rows, config.seed, ("split",)), [*notes, *placed]
    table, notes = source.documents(), []
    usable = _usable_templates(config, table, notes)
    return _fill(config, usable, table, source), notes


def answers_by_split(
    config: InstructionRows, rows: Sequence[Row], more: "dict[str, Value] | None" = None
) -> "DatasetDict":
    """Rows with their messages as a dataset of each split; `more` are further columns."""
    from datasets import Features, List, Value

    strings = {name: Value("string") for name in ("prompt", "response", "origin", "kind", "doc_id")}
    turns = List({"role": Value("string"), "content": Value("string"), "is_target": Value("bool")})
    features = Features({**strings, **(more or {}), "messages": turns})
    return as_splits(rows, features, config.table)


def _usable_templates(config: InstructionRows, table: Documents, notes: list[str]) -> list[Template]:
    """Those whose columns some document has, a note for each other; Skipped where there is none."""
    usable = []
    for number, template in enumerate(config.templates):
        key = f"{config.table}.templates.{number}.where"
        named = {name.lower() for name in template.placeholders()} - {*PIECES, *table.columns}
        absent = sorted(named.union(table.missing(template.where, key)))
        if absent:
            notes.append(f"no document has {', '.join(absent)}, which template {template.kind!r} needs")
        else:
            table.check(template.where, key)
            usable.append(template)
    if not usable:
        raise Skipped("; ".join(notes))
    return usable


def _fill(config: InstructionRows, usable: Sequence[Template], table: Documents, source: RowSource) -> list[Row]:
    """One row of each document that a template suits, in the order of their hash."""
    suits = ", ".join(f"coalesce(({template.where}\n), false)" for template in usable)
    params = {"salt": f"{config.seed} ", "candidates": CANDIDATES * config.max_rows}
    rows: list[Row] = []
    taken: Counter[str] = Counter()
    sql, values = statement("internal/finetune_documents.sql"), {"_suits": f"[{suits}]"}
    for document in table.query(sql, params, f"{config.table}.templates", values).to_pylist():
        suited = [template for template, suits in zip(usable, document["_suits"], strict=True) if suits]
        if taken[document["split"]] == config.max_rows:
            continue
        filled = instruction(suited, document, config.seed, source.max_piece_chars(document["text"]))
        if filled is not None:
            taken[document["split"]] += 1
            template, prompt, response = filled
            turns = [message("user", prompt), message("assistant", response)]
            row = {"prompt": prompt, "response": response, "kind": template.kind, "messages": turns}
            rows.append(row | {name: document[name] for name in ("origin", "split", "doc_id")})
    return rows


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
