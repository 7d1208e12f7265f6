"""The fields of a folder's records, by the first of each file: which one is the text, which files are fine-tuning rows.

Fine-tuning rows are questions with answers (instruct), or a prompt with a better and a worse answer (prefer).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from commands.init.bad_records import BadRecords
from commands.init.columns import names_columns
from commands.init.peek import Peek, Record, peek
from commands.init.prose import deep_letters, letters
from tasks.finetune.methods.table import METHODS
from tasks.ingest import conversations
from tasks.ingest.read.shared_encoding import SharedEncoding
from tasks.ingest.sources import FolderSource
from tasks.ingest.walk import Times, root_of

MIN_ROWS = 40  # of a file of fine-tuning rows: fewer leave a split empty
MIN_LETTERS = 400  # a file of one object with less text is settings, unless most files are such
EXAMPLE = 60  # characters
DEEPER = 3  # times the letters of the chosen field in a nested one: a note is due
LICENCE_FIELDS = ("licence", "license")
NO_TEXT = {*LICENCE_FIELDS, "language", "lang", "id", "encoding", "passage", "part", "rejected"}
NO_PROSE = re.compile(r"[\W\d_]*|[\da-fA-F-]{8,}|\S*://\S*")  # numbers and dates, ids, addresses
ROW_FORMS = {name: method.own_row_files.fields for name, method in METHODS.items() if method.own_row_files}
ROW_ENDINGS = (".jsonl", ".json", ".csv", ".tsv")
CONVERSATIONS = ("messages", "conversations")  # of these, lists that end with an answer of the assistant


class RowsCandidate(NamedTuple):
    """A file whose records have the fields of fine-tuning rows."""

    name: str  # in the folder
    fields: frozenset[str]


@dataclass(frozen=True)
class Fields:
    """Which fields of a folder's records are read, and what is in the others."""

    source: FolderSource  # with the fields that hold the text, and whether tables name their columns
    examples: Mapping[str, str]  # field → a text in it
    notes: tuple[str, ...]  # on files whose text is mostly in a field that is not read
    rows_files: Mapping[str, "RowsCandidate"]  # instruct or prefer → the largest file of fine-tuning rows for it
    members: Counter[str]  # of archives that are not read, by ending


def fields_of(path: Path, by_ending: Mapping[str, list[str]], files: Mapping[str, Times]) -> Fields:
    """The fields of a folder; its text is "text" where there is one, else a conversation, else the most prose."""
    folder = peek(path, by_ending)
    tables = [_cells(table) for table in folder.peeks if table.is_table and table.records]
    headless = sum(not names_columns(cells) for cells in tables)
    source = FolderSource(path=path, header=headless * 2 <= len(tables))
    peeks = [_with_names(p) if source.header and p.is_table else p for p in folder.peeks]
    peeks = [p for p in peeks if p.records and not _is_unsplit(p)]
    objects = len(by_ending.get(".json", ()))
    names = _text_fields(peeks, mostly_objects=2 * objects > sum(map(len, by_ending.values())))
    if names:
        source = source.model_copy(update={"text_field": names[0] if len(names) == 1 else tuple(names)})
    examples = {name: text for name in names if (text := _example(peeks, name))}
    return Fields(source, examples, _notes(peeks, names), _rows_files(peeks, files), folder.members)


def _cells(table: Peek) -> list[list[str]]:
    """The lines of a table."""
    return [[value for name, value in line.items() if name.startswith("column")] for line in table.records]


def _with_names(table: Peek) -> Peek:
    """The table with its first line as the names of the others' fields."""
    from tasks.delimited.table_rows import column_names

    first, *rows = _cells(table) or [[]]
    names = column_names(first)
    return table._replace(records=[dict(zip(names, row, strict=True)) for row in rows])


def _is_unsplit(file: Peek) -> bool:
    """Whether it is a table without a delimiter that its lines agree on: its one field is no text."""
    from tasks.ingest.read.spreadsheets import is_unsplit

    return file.is_table and is_unsplit(list(file.records[0]))


def _text_fields(peeks: list[Peek], mostly_objects: bool) -> list[str]:
    """The text fields, the one first that is chosen in most files that have it: a body stands before a title."""
    votes, settings, present = Counter[str](), Counter[str](), Counter[str]()
    for file in peeks:
        present.update({name for record in file.records for name in record})
        if name := _text_field(file.records):
            (settings if _is_settings(file, name) else votes)[name] += 1
    if mostly_objects:
        votes += settings
    return sorted(votes, key=lambda name: (name != "text", -votes[name] / present[name], -votes[name], name))


def _text_field(records: Sequence[Record]) -> str | None:
    if any(isinstance(record.get("text"), str) for record in records):
        return "text"
    for name in conversations.FIELDS:
        if 2 * sum(conversations.is_conversation(record.get(name)) for record in records) > len(records):
            return name
    prose, lengths = dict[str, float](), dict[str, float]()
    for name, value in ((str(name), value) for record in records for name, value in record.items()):
        if isinstance(value, str) and name.lower() not in NO_TEXT and not NO_PROSE.fullmatch(value.strip()):
            prose[name] = prose.get(name, 0) + letters(value)
            lengths[name] = lengths.get(name, 0) + len(value)
    name = max(prose, key=lambda name: (prose[name], lengths[name]), default=None)
    return name if name and prose[name] else None


def _is_settings(file: Peek, name: str) -> bool:
    """Whether it is a file of one object with no more text than a description."""
    is_single = file.ending == ".json" and len(file.records) == 1
    return is_single and _letters_of_text(file.records[0], name) < MIN_LETTERS


def _letters_of_text(record: Record, name: str | None) -> float:
    return letters(conversations.joined(record.get(name))) if name else 0.0


def _example(peeks: list[Peek], name: str) -> str:
    """The beginning of the first text in that field."""
    texts = (conversations.joined(record.get(name)) for file in peeks for record in file.records)
    return next((" ".join(text.split())[:EXAMPLE] for text in texts if isinstance(text, str) and text.strip()), "")


def _notes(peeks: list[Peek], names: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each nested field that has most of a file's text and is not read."""
    notes = dict[tuple[str | None, str], str]()
    for file in peeks:
        chosen = next((name for name in names if any(name in record for record in file.records)), None)
        nested = Counter[str]()
        for name, value in ((name, value) for record in file.records for name, value in record.items()):
            if name != chosen and isinstance(value, dict | list):
                nested[str(name)] += round(deep_letters(value))
        own = sum(_letters_of_text(record, chosen) for record in file.records)
        for name, count in nested.most_common(1):
            if count > max(MIN_LETTERS, DEEPER * own):
                instead = f", only {chosen!r}" if chosen else ""
                notes.setdefault((chosen, name), f"{file.name}: the text lies deeper, in {name!r}; not read{instead}")
    return tuple(notes.values())


def _rows_files(peeks: list[Peek], files: Mapping[str, Times]) -> dict[str, RowsCandidate]:
    """The largest file of rows for each method of fine-tuning, by the fields of its records."""
    largest = dict[str, RowsCandidate]()
    candidates = [file for file in peeks if file.ending in ROW_ENDINGS and not file.is_member]
    for file in sorted(candidates, key=lambda file: -files[file.name][0]):
        lines = len(file.records) + file.is_table  # the first of a table has its names
        if lines >= MIN_ROWS and (form := _form(file.records)):
            largest.setdefault(form[0], RowsCandidate(file.name, form[1]))
    return largest


def _form(records: Sequence[Record]) -> tuple[str, frozenset[str]] | None:
    """The method of fine-tuning that rows with these fields are for, and which it reads: of several, most of them."""
    fields = set[str].intersection(*(set(record) for record in records))
    fields -= {
        name
        for name in CONVERSATIONS
        if not all(conversations.is_finetuning_row(record.get(name)) for record in records)
    }
    alike = [(method, form) for method, forms in ROW_FORMS.items() for form in forms if form <= fields]
    return max(alike, key=lambda one: (len(one[1]), one[0]), default=None)


def reader(source: FolderSource, end: str, bad: BadRecords, shared: SharedEncoding) -> Any:
    """The reader of the files with that ending, which counts in `bad` the records that cannot be read."""
    from datatrove.io import DataFolder
    from fsspec.implementations.local import LocalFileSystem

    from tasks.ingest.read.choose import reader_of

    return reader_of(end, DataFolder(str(root_of(source)), fs=LocalFileSystem()), source, bad.add, shared)
