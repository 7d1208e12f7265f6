"""The metadata fields that documents will have, by the first records of a corpus' files: known before any is read."""

import time
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

import orjson

from tasks.ingest.kinds import PLAIN, TABLES, ending, within
from tasks.ingest.sources import File, FileSource
from tasks.ingest.walk import root_of

RECORDS_PER_FILE = 200
SECONDS = 2.0  # of reading, for all sources together
UNIFORM = (*TABLES, ".parquet", ".arrow")  # every record of such a file has the fields of the first
WITHOUT_FIELDS = tuple(end for end in PLAIN if end not in (".md", ".markdown"))  # but their encoding


@dataclass
class DocumentFields:
    """Names in lower case, as in SQL."""

    names: set[str] = field(default_factory=set)
    text: set[frozenset[str]] = field(default_factory=set)  # of each source: the fields that its texts are read from
    is_all: bool = True  # False where a record that was not looked at may have a wanted one


def document_fields(
    sources: Mapping[str, FileSource],
    files: Mapping[str, Sequence[File]],
    wanted: Set[str],
    seconds: float = SECONDS,
) -> DocumentFields:
    """The fields of the documents in these files, by source; no more is read once the `wanted` ones are there."""
    result, until = DocumentFields(), time.monotonic() + seconds
    for source in sources.values():
        result.text.add(frozenset(field.lower() for field in source.text_fields))
    if len(result.text) == 1:
        wanted -= next(iter(result.text))  # it is no field besides in any source
    for name, source in sources.items():
        if source.max_characters:
            result.names.add("passage")
        for file in files.get(name, ()):
            result.names.update(key.lower() for key in (orjson.loads(file.metadata) if file.metadata else {}))
            if within(ending(file.name))[0] in WITHOUT_FIELDS:
                result.names.add("encoding")
            elif wanted <= result.names:
                break
            elif time.monotonic() > until:
                result.is_all = False
            elif file.size:
                _add_file(result, source, file)
    return result


def _add_file(result: DocumentFields, source: FileSource, file: File) -> None:
    from datatrove.io import DataFolder
    from fsspec.implementations.local import LocalFileSystem

    from tasks.ingest.read.choose import reader_of

    end, count = ending(file.name), 0
    folder = DataFolder(str(root_of(source)), fs=LocalFileSystem())
    with suppress(Exception):  # a file that cannot be read is reported by the step that reads it
        documents = reader_of(end, folder, source, lambda _: None).read_file(file.name)
        for count, document in enumerate(islice(documents, RECORDS_PER_FILE), 1):  # noqa: B007
            result.names.update(str(name).lower() for name in document.metadata["fields"])
    if count == RECORDS_PER_FILE and within(end)[0] not in UNIFORM:
        result.is_all = False
