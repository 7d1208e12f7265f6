"""The takedown list: documents that must not be trained on, one doc_id, SOURCE/URI or source text a line.

It enters at encode, for the partitions it touches, so that a new entry remakes what follows from them and nothing else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.errors import UsageError
from tasks.ingest.sources import file_of
from tasks.store import MANIFEST


def entries(listed: Path | None) -> tuple[str, ...]:
    """The lines of the list, sorted; blank lines and those that begin with # are left out."""
    if listed is None:
        return ()
    try:
        lines = (line.strip() for line in listed.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"curate.takedown = {str(listed)!r}: {error}", "give a text file, one document a line"
        ) from error
    return tuple(sorted({line for line in lines if line and not line.startswith("#")}))


def names_of(row: Mapping[str, Any]) -> set[str]:
    """All that an entry may call a document: its doc_id, its file or source text, with or without the source's name."""
    source, doc_id = row["source"], row["doc_id"]
    uri = row.get("uri") or ""
    names = {uri, file_of(uri), row["origin"], doc_id.removeprefix(f"{source}/").rpartition("#")[0]} - {None, ""}
    return {doc_id, *names, *(f"{source}/{name}" for name in names)}


def touching(listed: tuple[str, ...], documents: Path) -> tuple[str, ...]:
    """The entries that name a document of this partition's ingest artifact; all of them where it is not made yet."""
    if not listed or not (documents / MANIFEST).is_file():
        return listed
    import pyarrow.parquet as pq

    names = set[str]()
    for file in sorted(documents.glob("documents/*.parquet")):
        for row in pq.read_table(file, columns=["doc_id", "source", "uri", "origin"]).to_pylist():
            names |= names_of(row)
    return tuple(entry for entry in listed if entry in names)
