"""The takedown list: documents that must not be trained on, one doc_id, SOURCE/URI or source text a line.

It enters at encode, for the partitions it touches, so that a new entry remakes what follows from them and nothing else.
"""

from pathlib import Path

from tasks.document_names import names_of
from tasks.errors import UsageError
from tasks.store.verification import MANIFEST


def read_takedown_list(path: Path | None) -> tuple[str, ...]:
    """The lines of the list, sorted; blank lines and those that begin with # are left out."""
    if path is None:
        return ()
    try:
        lines = (line.strip() for line in path.read_text(encoding="utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"curate.takedown = {str(path)!r}: {error}", "give a text file, one document a line"
        ) from error
    return tuple(sorted({line for line in lines if line and not line.startswith("#")}))


def entries_in(documents: Path, entries: tuple[str, ...]) -> tuple[str, ...]:
    """The entries that name a document of this ingest artifact; all of them where it is not complete yet."""
    if not entries or not (documents / MANIFEST).is_file():
        return entries
    import pyarrow.parquet as pq

    names = set[str]()
    for file in sorted(documents.glob("documents/*.parquet")):
        for row in pq.read_table(file, columns=["doc_id", "source", "uri", "origin"]).to_pylist():
            names |= names_of(row)
    return tuple(entry for entry in entries if entry in names)
