"""What the records of a folder hold, by the first of each file: which field is the text, which rows are lessons."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.init.columns import names_columns
from commands.init.peek import Peek, Record, peek
from commands.init.prose import deep_letters, letters
from tasks.ingest import conversations
from tasks.ingest.sources import FolderSource
from tasks.ingest.walk import Times, root_of

MIN_ROWS = 40  # that are lessons: fewer leave a split empty
SETTINGS_LETTERS = 400  # a file of one object with fewer is settings, unless most files are such
EXAMPLE = 60  # characters
DEEPER = 3  # times the letters of the chosen field, in one that is not read
LICENCE_FIELDS = ("licence", "license")
NO_TEXT = {*LICENCE_FIELDS, "language", "lang", "id", "encoding", "passage", "part", "rejected"}
NO_PROSE = re.compile(r"[\W\d_]*|[\da-fA-F-]{8,}|\S*://\S*")  # numbers and dates, ids, addresses
FORMS = {  # what a record holds that is no text but a lesson (tasks/finetune/own_rows.py)
    "prefer": ({"prompt", "chosen", "rejected"}, {"instruction", "chosen", "rejected"}),
    "instruct": ({"prompt", "response"}, {"instruction", "output"}, {"messages"}, {"conversations"}),
}
SPOKEN = ("messages", "conversations")  # of these, lists whose last word an assistant has


@dataclass(frozen=True)
class Fields:
    """What a look at the first records of a folder's files found."""

    source: FolderSource  # with the fields that hold the text, and whether tables name their columns
    examples: Mapping[str, str]  # field → a text in it
    deeper: tuple[str, ...]  # of files whose text lies mostly in a field that is not read
    taught: Mapping[str, str]  # instruct or prefer → the largest file whose records are rows for that
    members: Counter[str]  # of archives that are not read, by ending


def fields_of(path: Path, by_ending: Mapping[str, list[str]], files: Mapping[str, Times]) -> Fields:
    """The field "text" where there is one, else a conversation, else the string with the most prose."""
    seen = peek(path, by_ending)
    tables = [_cells(one) for one in seen.peeks if one.is_table and one.records]
    headless = sum(not names_columns(cells) for cells in tables)
    source = FolderSource(path=path, header=headless * 2 <= len(tables))
    peeks = [_named(one) if source.header and one.is_table else one for one in seen.peeks]
    peeks = [one for one in peeks if one.records]
    objects = len(by_ending.get(".json", ()))
    names = _elected(peeks, mostly_objects=2 * objects > sum(map(len, by_ending.values())))
    source = (
        source.model_copy(update={"text_field": names[0] if len(names) == 1 else tuple(names)}) if names else source
    )
    examples = {name: text for name in names if (text := _example(peeks, name))}
    return Fields(source, examples, _deeper(peeks, names), _taught(peeks, files), seen.members)


def _cells(one: Peek) -> list[list[str]]:
    """The lines of a table."""
    return [[value for name, value in line.items() if name.startswith("column")] for line in one.records]


def _named(one: Peek) -> Peek:
    """The rows below a table's first line by the names in it."""
    from tasks.ingest.read.spreadsheets import column_names

    first, *rows = _cells(one) or [[]]
    names = column_names(first)
    return one._replace(records=[dict(zip(names, row, strict=True)) for row in rows])


def _elected(peeks: list[Peek], mostly_objects: bool) -> list[str]:
    """The text fields; before another stands the one that is chosen wherever it is there: a title is not a body."""
    votes, settings, present = Counter[str](), Counter[str](), Counter[str]()
    for one in peeks:
        present.update({name for record in one.records for name in record})
        if name := _text_field(one.records):
            (settings if _is_settings(one, name) else votes)[name] += 1
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


def _is_settings(one: Peek, name: str) -> bool:
    """Whether it is a file of one object with no more to say than a description."""
    record = one.records[0]
    return one.ending == ".json" and len(one.records) == 1 and _read(record, name) < SETTINGS_LETTERS


def _read(record: Record, name: str | None) -> float:
    """The letters of a record's text."""
    return letters(conversations.joined(record.get(name))) if name else 0.0


def _example(peeks: list[Peek], name: str) -> str:
    """The beginning of the first text in that field."""
    found = (conversations.joined(record.get(name)) for one in peeks for record in one.records)
    return next((" ".join(text.split())[:EXAMPLE] for text in found if isinstance(text, str) and text.strip()), "")


def _deeper(peeks: list[Peek], names: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each way in which a file's text lies mostly in what is not read of it."""
    told = dict[tuple[str | None, str], str]()
    for one in peeks:
        chosen = next((name for name in names if any(name in record for record in one.records)), None)
        nested = Counter[str]()
        for name, value in ((name, value) for record in one.records for name, value in record.items()):
            if name != chosen and isinstance(value, dict | list):
                nested[str(name)] += round(deep_letters(value))
        own = sum(_read(record, chosen) for record in one.records)
        for name, count in nested.most_common(1):
            if count > max(SETTINGS_LETTERS, DEEPER * own):
                instead = f", only {chosen!r}" if chosen else ""
                told.setdefault((chosen, name), f"{one.name}: the text lies deeper, in {name!r}; not read{instead}")
    return tuple(told.values())


def _taught(peeks: list[Peek], files: Mapping[str, Times]) -> dict[str, str]:
    """The largest file of questions with answers, and of pairs of answers, by the fields of its records."""
    found = dict[str, str]()
    rows = [one for one in peeks if one.ending in (".jsonl", ".json") and not one.is_member]
    for one in sorted(rows, key=lambda one: -files[one.name][0]):
        if len(one.records) >= MIN_ROWS and (way := _way(one.records)):
            found.setdefault(way, one.name)
    return found


def _way(records: Sequence[Record]) -> str | None:
    """What rows like these teach."""
    fields = set[str].intersection(*(set(record) for record in records))
    fields -= {
        name for name in SPOKEN if not all(conversations.is_finetuning_row(record.get(name)) for record in records)
    }
    return next((way for way, forms in FORMS.items() if any(form <= fields for form in forms)), None)


def reader(source: FolderSource, end: str, bad: Counter[str]) -> Any:
    """The reader of the files with that ending, which counts in `bad` why records cannot be read."""
    from datatrove.io import DataFolder
    from fsspec.implementations.local import LocalFileSystem

    from tasks.ingest.read.choose import reader_of
    from tasks.ingest.readers import BadRecord

    def note(one: BadRecord) -> None:
        bad[re.sub(r"\d[\d,]*", "…", one.reason)] += 1

    return reader_of(end, DataFolder(str(root_of(source)), fs=LocalFileSystem()), source, note)
