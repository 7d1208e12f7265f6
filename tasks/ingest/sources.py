"""Where text comes from: a folder, the text files of an installed package, a hub, or dirt planted from a seed.

A source's name comes from the recipe and is the first part of its documents' ids; its identity is the content of its
files. So paths and glob patterns are not in the key: they choose files, and the files' content is in it.
"""

import codecs
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tasks.errors import UsageError
from tasks.ingest.forgotten import ForgottenTexts
from tasks.store.step import NOT_IN_KEY, Frozen, canonical

FOLDER = "folder"  # the name of the one source that `--set ingest.path=DIR` leaves
MIB = 1 << 20
NO_LICENCE = "unknown"


def encoding_name(name: str) -> str:
    """Python's name of an encoding of text; ValueError where it knows none of that name."""
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"no encoding of text is named {name!r}: try cp1252, iso8859_2, cp1251, shift_jis") from error


SourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
DatasetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")]
Revision = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*$")]  # no step upwards
Ending = Annotated[str, StringConstraints(pattern=r"^(\.[^/\s]+|\(none\))$", to_lower=True)]
Encoding = Annotated[str, AfterValidator(encoding_name)]
UnsupportedFiles = Mapping[str, Mapping[str, int]]  # {".pdf": {"files": 3, "bytes": 81234}}


class Reading(Frozen):
    """How the files of a source become documents."""

    include: Annotated[tuple[str, ...], NOT_IN_KEY] = ()  # globs on the name within the source; `*` crosses folders
    exclude: Annotated[tuple[str, ...], NOT_IN_KEY] = ()
    as_text: tuple[Ending, ...] = ()  # further endings of files that hold plain text: [".py", "(none)"]
    encoding: Encoding | None = None  # of texts that are not UTF-8 and declare none; None: it is detected
    text_field: str | tuple[str, ...] = "text"  # of several names, the first that a record has
    id_field: str = "id"
    header: bool = True  # the first line of a .csv or .tsv names its columns; else they are column1, column2, …
    group_by: str | None = None  # a metadata field: documents that share its value stay on one side of a split
    licence: str = NO_LICENCE
    licence_field: str | None = None  # a metadata field that holds each record's own licence
    language: str | None = None
    language_field: str | None = None
    minimum: dict[str, float] = Field(default_factory=dict)  # a metadata field and its least value: {year = 1900}
    maximum: dict[str, float] = Field(default_factory=dict)
    max_characters: int | None = Field(default=None, ge=200)  # cut longer texts into passages of at most so many
    max_record_bytes: int = Field(default=32 * MIB, ge=1024)  # a longer line or file goes to the quarantine
    max_expansion: float = Field(default=200.0, ge=2)  # how many times its compressed size a file may unpack to
    index: str | None = None  # a CSV, JSONL or Parquet file of metadata, one row for each text file
    index_id: str = "id"  # its column that holds the text file's name, with or without folder and ending
    index_fields: tuple[str, ...] = ()  # the columns to keep as metadata; empty: all
    index_sha256: str | None = None  # its column with each text file's SHA-256

    @property
    def text_fields(self) -> tuple[str, ...]:
        return (self.text_field,) if isinstance(self.text_field, str) else self.text_field


class FolderSource(Reading):
    """A folder (or one file) of any of the kinds in tasks/ingest/kinds.py."""

    kind: Annotated[Literal["folder"], NOT_IN_KEY] = "folder"
    path: Annotated[Path, NOT_IN_KEY]


class PackageSource(Reading):
    """Text files of an installed distribution, located by its metadata; the package is never imported."""

    kind: Annotated[Literal["package"], NOT_IN_KEY] = "package"
    package: Annotated[str, NOT_IN_KEY]


class HubSource(Reading):
    """A dataset repository of a Hugging Face hub, downloaded once, then read as a folder (tasks/ingest/hub.py)."""

    kind: Annotated[Literal["hub"], NOT_IN_KEY] = "hub"
    dataset: Annotated[DatasetName, NOT_IN_KEY]  # OWNER/NAME
    revision: Annotated[Revision, NOT_IN_KEY] = (
        "main"  # a commit; or a branch or tag, for the commit that it names first
    )


class PlantedSource(Frozen):
    """Dirt made from another source's documents, with a table of what was planted, to measure detectors by."""

    kind: Literal["planted"] = "planted"
    of: SourceName
    seed: int = 0
    share: float = Field(default=0.08, gt=0, le=0.5)  # of all documents of the two sources together
    most: int = Field(default=10_000, ge=1)  # documents, which are made in memory


FileSource = FolderSource | PackageSource
Source = Annotated[FolderSource | PackageSource | HubSource | PlantedSource, Field(discriminator="kind")]


class File(NamedTuple):
    """One file of a source, known by its content."""

    name: str  # relative to the source, with forward slashes
    size: int
    sha256: str
    metadata: str = ""  # its row of the source's index, as a JSON object


@dataclass(frozen=True)
class Partition:
    """One partition of a corpus: the files that arrived together, and which of them were withdrawn since."""

    files: Mapping[str, tuple[File, ...]]  # by source
    unsupported: Mapping[str, UnsupportedFiles] = field(default_factory=dict)  # by source, as the partition was formed
    planted: tuple[str, ...] = ()  # the planted sources that belong here
    withdrawn: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # source → uri → superseded | removed
    forgotten: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # source → names of documents to leave out
    forgotten_texts: ForgottenTexts | None = None  # what is left out under any name


class SourcePart(Frozen):
    """The files of one source in one partition."""

    source: FolderSource | PackageSource = Field(discriminator="kind")
    content: str  # SHA-256 over names, sizes, hashes and metadata of the files, and over what is left out of them
    unread: dict[str, dict[str, int]] = Field(default_factory=dict)  # the unsupported files
    files: Annotated[tuple[File, ...], NOT_IN_KEY] = ()
    forgotten: Annotated[tuple[str, ...], NOT_IN_KEY] = ()  # it is in `content`


class IngestPart(Frozen):
    """What the ingest of one partition reads."""

    sources: dict[str, SourcePart]
    planted: dict[str, PlantedSource] = Field(default_factory=dict)
    max_bad_fraction: float
    max_bad_records: int
    forgotten_texts: Annotated[ForgottenTexts | None, NOT_IN_KEY] = None  # tasks/ingest/forgotten.py says why not
    workers: Annotated[int, NOT_IN_KEY] = 1


class IngestConfig(Frozen):
    """The recipe's table [ingest]."""

    path: Annotated[Path | None, NOT_IN_KEY] = None  # one folder in place of all sources and their limits
    sources: dict[SourceName, Source] = Field(default_factory=dict)
    max_bad_fraction: float = Field(default=0.01, ge=0, le=1)  # more bad records than this share of all,
    max_bad_records: int = Field(default=10, ge=0)  # and more than this many, stop the run
    workers: Annotated[int, NOT_IN_KEY] = Field(default=2, ge=1)

    @model_validator(mode="after")
    def planted_copies_a_source_of_files(self) -> "IngestConfig":
        for name, source in self.sources.items():
            if isinstance(source, PlantedSource) and not isinstance(
                self.sources.get(source.of), FileSource | HubSource
            ):
                raise ValueError(f"sources.{name}.of = {source.of!r}: no source of files has this name")
        return self

    def read(self) -> dict[str, FileSource]:
        """The sources that have files, by name, in reading order."""
        if self.path is not None:
            return {FOLDER: FolderSource(path=self.path)}
        if not self.sources:
            raise UsageError(
                "[ingest] names no source", "set ingest.path=FOLDER, or write a [ingest.sources.NAME] table"
            )
        return {n: s for n, s in sorted(self.sources.items()) if isinstance(s, FileSource)}

    def licences(self) -> tuple[str, ...]:
        """Those that the sources state for their text; one may leave it to its documents."""
        sources = [] if self.path else [s for s in self.sources.values() if isinstance(s, Reading)]
        stated = {f"{s.licence_field} of each document" if s.licence_field else s.licence for s in sources}
        return tuple(sorted(stated - {NO_LICENCE}))

    def planted(self) -> dict[str, PlantedSource]:
        """The sources of planted dirt, by name, in reading order."""
        if self.path is not None:
            return {}
        return {n: s for n, s in sorted(self.sources.items()) if isinstance(s, PlantedSource)}

    def part(self, part: Partition) -> IngestPart:
        """The config of one partition's ingest."""
        sources = self.read()
        return IngestPart(
            sources={
                name: SourcePart(
                    source=sources[name],
                    content=content(files, part.forgotten.get(name, ())),
                    forgotten=part.forgotten.get(name, ()),
                    unread={ending: dict(count) for ending, count in part.unsupported.get(name, {}).items()},
                    files=files,
                )
                for name, files in sorted(part.files.items())
            },
            planted={name: source for name, source in self.planted().items() if name in part.planted},
            max_bad_fraction=self.max_bad_fraction,
            max_bad_records=self.max_bad_records,
            forgotten_texts=part.forgotten_texts,
            workers=self.workers,
        )


def content(files: tuple[File, ...], forgotten: tuple[str, ...] = ()) -> str:
    """The identity of a list of files, wherever they are, without the documents of these names."""
    identity = [sorted(files), list(forgotten)] if forgotten else sorted(files)
    return hashlib.sha256(canonical(identity).encode("utf-8")).hexdigest()
