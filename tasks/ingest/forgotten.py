"""The documents that a home has forgotten: HOME/forgotten.json, by name and place. No run of the home reads them again.

A takedown (takedown.py) keeps a document out of what is trained; forgetting leaves it out at ingest, so that its
text is in no artifact. It enters the key of the partitions whose files it stands in, and of no other.
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

LIST = "forgotten.json"
REASON = "forgotten"  # in a funnel
REPEATED = re.compile(r"~\d+$")  # of an id that was given before: the same record of a file that changed


class Forgotten(Frozen):
    """One name that was asked for, where it was found, and which versions had been made of it."""

    name: str
    time: str
    places: dict[str, tuple[str, ...]]  # source → uris
    trained: tuple[str, ...] = ()  # NAME/VERSION whose training text held it
    held: tuple[str, ...] = ()  # NAME/VERSION made from a corpus that held it, outside the training text


def forgotten(home: Home) -> list[Forgotten]:
    """All that this home has forgotten, the oldest first."""
    try:
        return [Forgotten.model_validate(entry) for entry in json.loads(home.forgotten.read_text())["documents"]]
    except FileNotFoundError:
        return []


def remember(home: Home, entries: Iterable[Forgotten]) -> None:
    """Writes the list anew; an entry takes the place of one of its name."""
    by_name = {entry.name: entry for entry in (*forgotten(home), *entries)}
    rows = [entry.model_dump(mode="json") for entry in by_name.values()]
    write_durably(home.forgotten, json.dumps({"documents": rows}, ensure_ascii=False, indent=1).encode())


def touching(entries: Iterable[Forgotten], source: str, files: Collection[str]) -> tuple[str, ...]:
    """The names that stand in one of these files of a source."""
    uris = {entry.name: entry.places.get(source, ()) for entry in entries}
    return tuple(sorted(name for name, found in uris.items() if any({uri, file_of(uri)} & {*files} for uri in found)))


def is_called(row: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether a document, or a quarantined record, goes by one of these names."""
    return not names_by_which(row).isdisjoint(names)


def names_by_which(row: Mapping[str, Any]) -> set[str]:
    """All names of a row; a repeated id is known by the first one's too."""
    if "doc_id" not in row:
        return {row["uri"], f"{row['source']}/{row['uri']}"}
    return names_of(row) | {REPEATED.sub("", row["doc_id"])}


def leave_out(names: Mapping[str, tuple[str, ...]], groups: Iterable["Group"], out: Path, tally: "Tally") -> None:
    """Takes forgotten documents and bad records out of what an ingest has just read, and counts them as dropped."""
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
    """The rows that go; the file is written again without them, if there are any."""
    import pyarrow.parquet as pq

    from tasks.ingest.document_rows import Rows

    gone, kept = list[dict[str, Any]](), list[dict[str, Any]]()
    for row in pq.read_table(path).to_pylist():
        (gone if is_called(row, names) else kept).append(row)
    if gone:
        with Rows(path, schema) as rows:
            for row in kept:
                size = len(row["text"].encode()) if "text" in row else len(row["raw"])
                rows.add(tuple(row[name] for name in schema.names), size)
    return gone
