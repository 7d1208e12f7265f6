"""What the records of a folder hold, by the first of each file: which field is the text, which rows are lessons."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.ingest import kinds
from tasks.ingest.listing import Times, root_of
from tasks.ingest.sources import FolderSource

PEEKED = 40  # records of a file, to see what fields they have
PEEKED_FILES = 12  # of each ending
FEWEST_ROWS = 40  # that are lessons: fewer leave a split empty
RECORDS = tuple(end for end in kinds.RECORDS if end != ".mbox")
TABLES = (".csv", ".tsv")
LICENCE_FIELDS = ("licence", "license")
NO_TEXT = {*LICENCE_FIELDS, "language", "lang", "id", "encoding", "passage", "part"}
FORMS = {  # what a record holds that is no text but a lesson (tasks/finetune/own_rows.py)
    "prefer": ({"prompt", "chosen", "rejected"}, {"instruction", "chosen", "rejected"}),
    "instruct": ({"prompt", "response"}, {"instruction", "output"}, {"messages"}),
}


def with_fields(path: Path, by_ending: Mapping[str, list[str]]) -> FolderSource:
    """The source with the fields that hold its records' text: "text" where there is one, else the longest strings."""
    source = FolderSource(path=path)
    tables = [(end, name) for end in TABLES for name in by_ending.get(end, [])[:PEEKED_FILES]]
    headless = [_is_data(next(_records(source.model_copy(update={"header": False}), *one), {})) for one in tables]
    source = source.model_copy(update={"header": sum(headless) * 2 <= len(headless)})
    fields = Counter[str]()
    for end in RECORDS:
        for name in by_ending.get(end, [])[:PEEKED_FILES]:
            if longest := _longest_field(list(_records(source, end, name))):
                fields[longest] += 1
    names = sorted(fields, key=lambda name: (name != "text", -fields[name], name))
    return source.model_copy(update={"text_field": names[0] if len(names) == 1 else tuple(names)}) if names else source


def taught(source: FolderSource, by_ending: Mapping[str, list[str]], files: Mapping[str, Times]) -> dict[str, str]:
    """The largest file of questions with answers, and of pairs of answers, by the fields of its records."""
    found_rows = dict[str, str]()
    names = [(end, name) for end in (".jsonl", ".json") for name in by_ending.get(end, [])[:PEEKED_FILES]]
    for end, name in sorted(names, key=lambda one: -files[one[1]][0]):
        records = [set(record) for record in _records(source, end, name)]
        fields = set[str].intersection(*records) if len(records) >= FEWEST_ROWS else set[str]()
        way = next((way for way, forms in FORMS.items() if any(form <= fields for form in forms)), None)
        if way:
            found_rows.setdefault(way, name)
    return found_rows


def _is_data(first: Mapping[str, Any]) -> bool:
    """Whether a table's first line is a row like any other: names of columns are short, different, and no numbers."""
    cells = [str(cell).strip() for cell in first.values()]
    return len(set(cells)) < len(cells) or any(len(c) > 64 or re.fullmatch(r"[\d.,-]+", c) for c in cells)


def _longest_field(records: list[dict[str, Any]]) -> str | None:
    if any(isinstance(record.get("text"), str) for record in records):
        return "text"
    lengths = Counter[str]()
    for record in records:
        strings = {str(name): len(value) for name, value in record.items() if isinstance(value, str)}
        lengths.update({name: length for name, length in strings.items() if name.lower() not in NO_TEXT})
    return lengths.most_common(1)[0][0] if lengths else None


def _records(source: FolderSource, end: str, name: str) -> Iterator[dict[str, Any]]:
    """The first records of a file, as they stand."""
    from tasks.ingest.readers import as_json

    class Enough(Exception):
        pass

    reads, found = reader(source, end, Counter()), list[dict[str, Any]]()

    def note(record: Any, *_: Any) -> None:
        if isinstance(record, dict):
            as_json(record)  # a record too deep to be told is told by the reader, later
            found.append(record)
        if len(found) == PEEKED:
            raise Enough

    reads.document = note
    try:
        for _ in reads.read_file(name):
            pass
    except (Enough, TypeError):
        pass
    return iter(found)


def reader(source: FolderSource, end: str, bad: Counter[str]) -> Any:
    """The reader of the files with that ending, which counts in `bad` why records cannot be read."""
    from datatrove.io import DataFolder
    from fsspec.implementations.local import LocalFileSystem

    from tasks.ingest.read.choose import reader_of
    from tasks.ingest.readers import Bad

    def note(one: Bad) -> None:
        bad[re.sub(r"\d[\d,]*", "…", one.reason)] += 1

    return reader_of(end, DataFolder(str(root_of(source)), fs=LocalFileSystem()), source, note)
