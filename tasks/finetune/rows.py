"""What a child learns from: rows of text and label, or of prompt and response, as a Hugging Face DatasetDict.

Rows are derived from the documents' metadata by the recipe's SQL and templates, and keep the split that curation gave
their document (by near-duplicate cluster and source text). A user's own JSON lines take their place where a path is
given. Which rows are taken, and their order, hang on a hash of the document's id and the seed alone.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tasks.errors import Skipped, UserError
from tasks.finetune.columns import Documents, documents
from tasks.finetune.own_rows import SPLITS, OwnRows, conversation, labelled, own_rows
from tasks.finetune.templates import CONTINUE, PIECE_CHARACTERS, PIECES, Template, instruction
from tasks.privacy import are_masked, mask

if TYPE_CHECKING:
    from datasets import DatasetDict, Features

Row = dict[str, Any]
Room = Callable[[str], int]  # how many characters of this text a piece of it may have, so that it fits the model
CANDIDATES = 3  # documents looked at for each instruction wanted: some suit no template


def any_model(text: str) -> int:
    """The room where it is not known which model will read the rows."""
    return PIECE_CHARACTERS


class LabelledRows(OwnRows):
    """Texts with labels: SQL over the documents' columns, or a user's own file."""

    label: str | None = None  # SQL: a document's label; NULL is no row
    text: str = "text"  # SQL: what is classified
    max_rows: int = Field(default=2_000, ge=1)  # of one class in one split

    def read(self, record: Row) -> Row:
        return labelled(record)


class InstructionRows(OwnRows):
    """Prompts with responses: templates over the documents' columns, or a user's own file."""

    table: ClassVar[str] = "finetune.instruct"  # of the recipe: where a mistake is to be mended

    templates: tuple[Template, ...] = Field(default=(CONTINUE,), min_length=1)
    max_rows: int = Field(default=4_000, ge=1)  # in one split

    def read(self, record: Row) -> Row:
        return conversation(record)


def labelled_rows(
    config: LabelledRows, curated: Mapping[str, Path], shards: Mapping[str, Path] | None = None
) -> tuple["DatasetDict", list[str]]:
    """Rows text, label, origin, doc_id by split, and notes; Skipped where there are fewer than two classes."""
    from datasets import ClassLabel, Features, Value

    if config.path:
        rows, notes = own_rows(config)
        rows = masked_like(curated, first_by_hash(rows, config.max_rows, config.seed, ("split", "label")))
    else:
        rows, notes = _derived_labels(config, documents(curated, shards or {})), []
    classes = sorted({row["label"] for row in rows if row["split"] == "train"})
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        raise Skipped(f"a classifier needs two classes or more, and the training rows have {found}")
    unknown = Counter(row["label"] for row in rows if row["label"] not in classes)
    if unknown:
        notes = [*notes, f"left out, as no training row has their label: {dict(sorted(unknown.items()))}"]
    strings = dict.fromkeys(("text", "origin", "doc_id"), Value("string"))
    features = Features({"text": strings["text"], "label": ClassLabel(names=classes), **strings})
    return as_splits([row for row in rows if row["label"] in classes], features, "finetune.classify"), notes


def instruction_rows(
    config: InstructionRows,
    curated: Mapping[str, Path],
    shards: Mapping[str, Path] | None = None,
    room: Room = any_model,
) -> tuple["DatasetDict", list[str]]:
    """Rows prompt, response, origin, kind, doc_id and messages (the turns to train on) by split, and notes."""
    if config.path:
        rows, notes = chosen_own_rows(config, curated)
    else:
        rows, notes = derived_instructions(config, curated, shards or {}, room)
    if not any(row["split"] == "train" for row in rows):
        raise Skipped("no document of the training split suits a template: " + ("; ".join(notes) or "all too short"))
    return answers_by_split(config, rows), notes


def chosen_own_rows(config: InstructionRows, curated: Mapping[str, Path]) -> tuple[list[Row], list[str]]:
    """The user's own rows, at most `max_rows` in a split, masked as documents are, and what is wrong with others."""
    rows, notes = own_rows(config)
    return masked_like(curated, first_by_hash(rows, config.max_rows, config.seed, ("split",))), notes


def answers_by_split(config: InstructionRows, rows: Sequence[Row], *more: str) -> "DatasetDict":
    """Rows with their messages as a dataset of each split; `more` names further columns of text."""
    from datasets import Features, List, Value

    strings = {name: Value("string") for name in ("prompt", "response", *more, "origin", "kind", "doc_id")}
    features = Features({**strings, "messages": List({"role": Value("string"), "content": Value("string")})})
    return as_splits(rows, features, config.table)


def _derived_labels(config: LabelledRows, table: Documents) -> list[Row]:
    if config.label is None:
        raise Skipped("finetune.classify has neither a label nor a path, so there is nothing to learn")
    absent = {*table.missing(config.label, "finetune.classify.label")}
    absent |= {*table.missing(config.text, "finetune.classify.text")}
    if absent:
        raise Skipped(f"no document has {', '.join(sorted(absent))}; the columns are {', '.join(table.columns)}")
    params = {"salt": f"{config.seed} ", "max_rows": config.max_rows}
    for key, expression in (("label", config.label), ("text", config.text)):  # so that an error names its key
        table.ask(f"select ({expression}\n) as value from documents limit 0", {}, f"finetune.classify.{key}")
    sql = f"""
        select text, label, split, origin, doc_id from (
            select doc_id, origin, split, cast(({config.text}\n) as varchar) as text,
                   cast(({config.label}\n) as varchar) as label, md5($salt || doc_id) as hash
            from documents)
        where label is not null and trim(text) <> ''
        qualify row_number() over (partition by split, label order by hash, doc_id) <= $max_rows
        order by hash, doc_id"""
    return table.ask(sql, params, "finetune.classify.label").to_pylist()


def derived_instructions(
    config: InstructionRows, curated: Mapping[str, Path], shards: Mapping[str, Path], room: Room
) -> tuple[list[Row], list[str]]:
    """Rows that the templates make of the documents, in the order of their hash, and notes."""
    table, usable, notes = documents(curated, shards), [], []
    for number, template in enumerate(config.templates):
        key = f"{config.table}.templates.{number}.where"
        named = template.placeholders() - {*PIECES, *table.columns}
        absent = sorted(named.union(table.missing(template.where, key)))
        if absent:
            notes.append(f"no document has {', '.join(absent)}, which template {template.kind!r} needs")
        else:
            table.ask(f"select ({template.where}\n) as value from documents limit 0", {}, key)
            usable.append(template)
    if not usable:
        raise Skipped("; ".join(notes))
    suits = ", ".join(f"coalesce(({template.where}\n), false)" for template in usable)
    sql = f"""
        select * from (select *, [{suits}] as suits, md5($salt || doc_id) as hash from documents)
        where list_bool_or(suits)
        qualify row_number() over (partition by split order by hash, doc_id) <= $candidates
        order by hash, doc_id"""
    params = {"salt": f"{config.seed} ", "candidates": CANDIDATES * config.max_rows}
    rows = []
    taken: Counter[str] = Counter()
    for document in table.ask(sql, params, f"{config.table}.templates").to_pylist():
        suited = [template for template, suits in zip(usable, document["suits"], strict=True) if suits]
        if taken[document["split"]] == config.max_rows:
            continue
        made = instruction(suited, document, config.seed, room(document["text"]))
        if made is not None:
            taken[document["split"]] += 1
            rows.append(_row(*made, document))
    return rows, notes


def _row(template: Template, prompt: str, response: str, document: Row) -> Row:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    made = {"prompt": prompt, "response": response, "kind": template.kind, "messages": turns}
    return made | {name: document[name] for name in ("origin", "split", "doc_id")}


def first_by_hash(rows: Sequence[Row], max_rows: int, seed: int, group: tuple[str, ...]) -> list[Row]:
    """At most `max_rows` of each group, in the order of their hash."""
    taken: Counter[tuple[str, ...]] = Counter()
    kept = []
    for row in sorted(rows, key=lambda row: hashlib.sha256(f"{seed} {row['doc_id']}".encode()).digest()):
        of = tuple(row[name] for name in group)
        taken[of] += 1
        if taken[of] <= max_rows:
            kept.append(row)
    return kept


def masked_like(curated: Mapping[str, Path], rows: Sequence[Row]) -> list[Row]:
    """The user's own rows, with personal data masked unless curation left it in the documents."""
    is_masking = are_masked(folder / "texts.parquet" for folder in curated.values())
    return [_masked(row) for row in rows] if is_masking else list(rows)


def _masked(row: Row) -> Row:
    turns = [{**turn, "content": mask(turn["content"])[0]} for turn in row.get("messages", [])]
    texts = {name: mask(row[name])[0] for name in ("text", "prompt", "response", "rejected") if name in row}
    return row | texts | ({"messages": turns} if turns else {})


def as_splits(rows: Sequence[Row], features: "Features", table: str) -> "DatasetDict":
    from datasets import Dataset, DatasetDict, NamedSplit

    empty = [split for split in SPLITS if not any(row["split"] == split for row in rows)]
    if empty:
        cure = "give curate more to hold out (its split shares), or widen what the recipe asks of a document"
        raise UserError(f"[{table}]: no row falls into the split {' nor '.join(empty)}", cure)
    datasets = {}
    for split in SPLITS:
        columns = {name: [row[name] for row in rows if row["split"] == split] for name in features}
        datasets[split] = Dataset.from_dict(columns, features=features, split=NamedSplit(split))
    return DatasetDict(datasets)
