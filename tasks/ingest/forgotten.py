"""The documents that a home has forgotten, by name and place, in HOME/forgotten.json: no run reads them again.

A takedown (tasks/encode/takedown.py) keeps a document out of training; forgetting leaves it out at ingest, so that its
text is in no artifact. Its name enters the key of the partitions whose files contain it, and of no other.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.document_names import file_of, names_of
from tasks.home import Home
from tasks.store.artifacts import write_durably
from tasks.store.step import Frozen

if TYPE_CHECKING:
    from tasks.ingest.documents import Group, Tally

REASON = "forgotten"  # in a funnel
REPEATED = re.compile(r"~\d+$")  # ends a repeated id: the same record of a file that changed


class Forgotten(Frozen):
    """One forgotten name, the files it was in, and the model versions that had been made from it."""

    name: str
    time: str
    places: dict[str, tuple[str, ...]]  # source → uris
    trained: tuple[str, ...] = ()  # NAME/VERSION, whose training text contained it
    held: tuple[str, ...] = ()  # NAME/VERSION, made from a corpus that contained it outside the training text


def forgotten(home: Home) -> list[Forgotten]:
    """All documents that this home has forgotten, the oldest first."""
    try:
        return [Forgotten.model_validate(entry) for entry in json.loads(home.forgotten.read_text())["documents"]]
    except FileNotFoundError:
        return []


def remember(home: Home, entries: Iterable[Forgotten]) -> None:
    """Adds the entries to the list; one replaces an earlier one of its name."""
    by_name = {entry.name: entry for entry in (*forgotten(home), *entries)}
    rows = [entry.model_dump(mode="json") for entry in by_name.values()]
    write_durably(home.forgotten, json.dumps({"documents": rows}, ensure_ascii=False, indent=1).encode())


def touching(entries: Iterable[Forgotten], source: str, files: Collection[str]) -> tuple[str, ...]:
    """The names of forgotten documents that are in one of these files of a source."""
    uris = {entry.name: entry.places.get(source, ()) for entry in entries}
    return tuple(sorted(name for name, places in uris.items() if any({uri, file_of(uri)} & {*files} for uri in places)))


def has_name(row: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether a document, or a quarantined record, has one of these names."""
    return not all_names(row).isdisjoint(names)


def all_names(row: Mapping[str, Any]) -> set[str]:
    """All names of a row; a repeated id has the first one's name too."""
    if "doc_id" not in row:
        return {row["uri"], f"{row['source']}/{row['uri']}"}
    return names_of(row) | {REPEATED.sub("", row["doc_id"])}


def drop_forgotten(names: Mapping[str, tuple[str, ...]], groups: Iterable["Group"], out: Path, tally: "Tally") -> None:
    """Removes forgotten documents and bad records from the files just written, and counts them as dropped."""
    from tasks.ingest.document_rows import DOCUMENTS, QUARANTINE

    for group in groups:
        listed = names.get(group.name, ())
        if not listed:
            continue
        gone = _rewrite(group.documents(out), DOCUMENTS, listed)
        tally.kept -= len(gone)
        tally.bytes -= sum(len(row["text"].encode()) for row in gone)
        bad = _rewrite(group.quarantine(out), QUARANTINE, listed)
        tally.quarantined -= len(bad)
        tally.dropped[REASON] += len(gone) + len(bad)


def _rewrite(path: Path, schema: Any, names: Collection[str]) -> list[dict[str, Any]]:
    """The rows that are removed; the file is written again without them, if there are any."""
    import pyarrow.parquet as pq

    from tasks.ingest.document_rows import RowWriter

    gone, kept = list[dict[str, Any]](), list[dict[str, Any]]()
    for row in pq.read_table(path).to_pylist():
        (gone if has_name(row, names) else kept).append(row)
    if gone:
        with RowWriter(path, schema) as rows:
            for row in kept:
                size = len(row["text"].encode()) if "text" in row else len(row["raw"])
                rows.add(tuple(row[name] for name in schema.names), size)
    return gone
