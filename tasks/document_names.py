"""The names by which a person may refer to a document: its id, its file or its source text."""

from collections.abc import Mapping
from typing import Any

ARCHIVE = ".zip"  # the ending of archives whose members are documents
WITHIN = "!/"  # between an archive and its member in a uri: books.zip!/1850/emma.txt


def member_uri(archive: str, member: str) -> str:
    """The uri of a member of an archive; an archive in an archive is a member too."""
    return f"{archive}{WITHIN}{member}"


def file_of(uri: str) -> str:
    """The file in the source that a document's uri lies in: the archive for a member of one."""
    end = uri.lower().find(f"{ARCHIVE}{WITHIN}")
    return uri if end < 0 else uri[: end + len(ARCHIVE)]


def names_of(row: Mapping[str, Any]) -> set[str]:
    """All names of a document: its doc_id, its file or source text, with or without the source's name."""
    source, doc_id = row["source"], row["doc_id"]
    uri = row.get("uri") or ""
    names = {uri, file_of(uri), row["origin"], doc_id.removeprefix(f"{source}/").rpartition("#")[0]} - {None, ""}
    return {doc_id, *names, *(f"{source}/{name}" for name in names)}
