"""Forgotten documents, recognised among the rows that ingest has just written, and removed from them."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.document_names import names_of
from tasks.ingest.document_rows import DOCUMENTS, QUARANTINE, RowWriter
from tasks.ingest.documents import Group, Tally
from tasks.ingest.forgotten import ForgottenTexts

REASON = "forgotten"  # in a funnel
REPEATED = re.compile(r"~\d+$")  # ends a repeated id: the same record of a file that changed
MARKUP, QUOTED = re.compile(r"<[^<>]*>"), re.compile(r'"((?:[^"\\]|\\.)*)"')
NOTED = 3  # documents that a note names


def drop_forgotten(
    names: Mapping[str, tuple[str, ...]],
    texts: ForgottenTexts | None,
    groups: Iterable[Group],
    tally: Tally,
    out: Path,
) -> list[str]:
    """Removes forgotten documents and bad records from the files just written, and counts them as dropped.

    `names` are by source. Notes on what was recognised by its text alone.
    """
    renamed = dict[str, str]()
    for group in groups:
        listed = names.get(group.name, ())

        def is_forgotten(row: Mapping[str, Any], listed: tuple[str, ...] = listed) -> bool:
            if has_name(row, listed):
                return True
            known_as = next(filter(None, map(texts.name_of, _texts_in(row))), None) if texts else None
            if known_as:
                renamed[row.get("doc_id") or f"{row['source']}/{row['uri']}"] = known_as
            return known_as is not None

        if not listed and not (texts and texts.names):
            continue
        gone = _rewrite(group.documents(out), DOCUMENTS, is_forgotten)
        tally.kept -= len(gone)
        tally.bytes -= sum(len(row["text"].encode()) for row in gone)
        bad = _rewrite(group.quarantine(out), QUARANTINE, is_forgotten)
        tally.quarantined -= len(bad)
        tally.dropped[REASON] += len(gone) + len(bad)
    return [_note(renamed)] if renamed else []


def _texts_in(row: Mapping[str, Any]) -> Iterator[str]:
    """The text of a document; what could be one in a record that was not read: all, without markup, between quotes."""
    if "text" in row:
        yield row["text"]
        return
    raw = row["raw"].decode("utf-8", errors="replace")
    yield from (raw, MARKUP.sub("", raw), *(quoted[1] for quoted in QUOTED.finditer(raw)))


def _note(renamed: Mapping[str, str]) -> str:
    shown = [f"{doc_id} (forgotten as {name})" for doc_id, name in list(renamed.items())[:NOTED]]
    more = ", …" if len(renamed) > NOTED else ""
    return f"{len(renamed):,} left out, as the text is that of a forgotten document: {', '.join(shown)}{more}"


def _rewrite(path: Path, schema: Any, goes: Callable[[Mapping[str, Any]], bool]) -> list[dict[str, Any]]:
    """The rows that are removed; the file is written again without them, if there are any."""
    import pyarrow.parquet as pq

    gone, kept = list[dict[str, Any]](), list[dict[str, Any]]()
    for row in pq.read_table(path).to_pylist():
        (gone if goes(row) else kept).append(row)
    if gone:
        with RowWriter(path, schema) as rows:
            for row in kept:
                size = len(row["text"].encode()) if "text" in row else len(row["raw"])
                rows.add(tuple(row[name] for name in schema.names), size)
    return gone


def has_name(row: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether a document, or a quarantined record, has one of these names."""
    return not all_names(row).isdisjoint(names)


def all_names(row: Mapping[str, Any]) -> set[str]:
    """All names of a row; a repeated id has the first one's name too."""
    if "doc_id" not in row:
        return {row["uri"], f"{row['source']}/{row['uri']}"}
    return names_of(row) | {REPEATED.sub("", row["doc_id"])}
