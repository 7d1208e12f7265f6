"""The takedown list: documents that must not be trained on, one doc_id, SOURCE/URI or source text a line.

It enters at encode, for the partitions it touches, so that a new entry remakes what follows from them and nothing else.
"""

from pathlib import Path

from tasks.document_names import names_of
from tasks.errors import UsageError
from tasks.store.artifacts import MANIFEST


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
