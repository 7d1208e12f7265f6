"""A survey of a folder before anything is made of it: names and sizes of all files, and the text of a sample.

Files are opened in a random order (by a hash of their names), one kind after another, until the sample is large enough
or its seconds are spent; counts for the whole folder are those of the sample, scaled by bytes.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from commands.init.fields import Fields, RowsCandidate, fields_of
from commands.init.licences import licence_files
from commands.init.sample import Kind, Sample
from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.kinds import ending, readable_in_words
from tasks.ingest.listing import unsupported_note
from tasks.ingest.sources import MIB, FolderSource, UnsupportedFiles
from tasks.ingest.walk import SourceWalk, nothing_to_read, walk_source

SAMPLE_BYTES = 8 * MIB  # of text
SAMPLE_SECONDS = 5.0
REASONS = 5  # in an error message


@dataclass(frozen=True)
class Survey:
    """A folder's files, text and metadata, as far as a sample shows them."""

    path: Path
    root: Path  # of the names of its files
    kinds: Mapping[str, Kind]  # by ending
    unsupported: UnsupportedFiles
    notes: tuple[str, ...]
    texts: tuple[str, ...]  # of the sample
    languages: Mapping[str, float]  # share of the sample's characters, the largest first
    language_field: str | None  # of the records
    encodings: Mapping[str, int]  # text files of the sample that are not UTF-8
    licences: Mapping[str, int]  # by records, else by licence files
    licence_field: str | None
    as_text: tuple[str, ...]  # further endings to be read as plain text
    text_fields: tuple[str, ...]
    examples: Mapping[str, str]  # text field → the beginning of a text in it
    other_fields: tuple[str, ...]  # of the records: metadata
    headless: bool  # the tables of the sample have no line of column names
    label_field: str | None  # with a few different values …
    classes: tuple[str, ...]  # … which are these, the commonest first
    rows_files: Mapping[str, RowsCandidate]  # instruct or prefer → the largest file of fine-tuning rows for it
    duplicates: float  # share of the sample's documents whose text is that of an earlier one
    bad: Mapping[str, int]  # reasons why records of the sample cannot be read
    bad_share: float  # of the folder's records, or bytes, that is hardly exceeded by what cannot be read

    @property
    def documents(self) -> int:
        return sum(kind.documents for kind in self.kinds.values())

    @property
    def text_bytes(self) -> int:
        return sum(kind.text_bytes for kind in self.kinds.values())


def survey(path: Path, home: Home, as_text: tuple[str, ...] = ()) -> Survey:
    """The survey of a folder (or one file); UserError where it has nothing that can be read."""
    walk = walk_source(path.name or "folder", FolderSource(path=path, as_text=as_text), home)
    if not walk.files:
        raise nothing_to_read("folder", walk, is_new=True)
    by_ending: dict[str, list[str]] = {}
    for name in sorted(walk.files, key=_hash):
        by_ending.setdefault(ending(name), []).append(name)
    fields = fields_of(path, by_ending, walk.files)
    source = fields.source.model_copy(update={"as_text": as_text})
    sample = _sample(source, walk, by_ending)
    for end, count in fields.members.items():
        walk.unsupported.setdefault(end, {"files": 0, "bytes": 0})["files"] += count
    if not sample.texts:
        raise _no_document(path, sample, fields)
    values = sample.values[label] if (label := sample.label_field()) else Counter[str]()
    return Survey(
        path=path,
        root=walk.root,
        kinds={end: sample.kinds[end] for end in sorted(sample.kinds)},
        unsupported=walk.unsupported,
        notes=(*walk.notes, *sample.notes(), *fields.notes),
        texts=tuple(sample.texts),
        languages=_languages(sample.texts),
        language_field=sample.language_field(),
        encodings=dict(sample.encodings.most_common()),
        licences=dict((sample.licences or licence_files(walk.root)).most_common()),
        licence_field=sample.licence_field,
        as_text=as_text,
        text_fields=source.text_fields,
        examples=fields.examples,
        other_fields=sample.other_fields(),
        headless=not source.header,
        label_field=label,
        classes=tuple(sorted(values, key=lambda name: (-values[name], name))),
        rows_files=fields.rows_files,
        duplicates=1 - len(set(sample.texts)) / len(sample.texts),
        bad=sample.bad.by_reason(),
        bad_share=sample.bad.likely_share(len(sample.texts), sample.read_bytes),
    )


CURES = {  # by how a reason begins
    "no field": "rename the field of the text to `text`",
    "invalid ": "save the files as UTF-8: iconv -f ENCODING -t UTF-8 FILE does",
    "ISO-2022": "save the files as UTF-8: iconv -f ENCODING -t UTF-8 FILE does",
    "UTF-16 ": "save the files as UTF-8: iconv -f UTF-16 -t UTF-8 FILE does",
    "NUL byte": "leave these files out: they hold no text",
    "not JSON": "correct these records, or write one JSON object a line (.jsonl)",
    "no delimiter": "save the table as CSV again, with quotation marks around its texts",
    "empty": "give texts that are not empty",
}


def _sample(source: FolderSource, walk: SourceWalk, by_ending: Mapping[str, list[str]]) -> Sample:
    """Documents of each kind of file, as many as some seconds allow."""
    sample = Sample(source, walk)
    started = time.monotonic()
    for end, names in by_ending.items():
        sample.add(end, names, SAMPLE_BYTES / len(by_ending), started + SAMPLE_SECONDS)
    return sample


def _no_document(path: Path, sample: Sample, fields: Fields) -> UserError:
    """The error for a sample without a document: the reasons, and the fields that have text."""
    bad = list(sample.bad.by_reason().items())[:REASONS]
    reasons = [f"{count:,} × {reason}" for reason, count in bad]
    if sample.walk.unsupported:
        reasons.append(unsupported_note("beside them", sample.walk.unsupported))
    lines = "".join(f"\n    {reason}" for reason in (*reasons, *fields.notes))
    cures = [cure for begin, cure in CURES.items() if any(reason.startswith(begin) for reason, _ in bad)]
    cures = ["bring it to the top of each record, as `text`"] if fields.notes else cures
    cure = "; ".join(cures) or f"give a folder with texts in {readable_in_words()}"
    return UserError(f"{path}: no document in a sample of its files{lines}", cure)


def _languages(texts: list[str]) -> dict[str, float]:
    from tasks.language import detect

    characters = Counter[str]()
    for text in texts:
        characters[detect(text) or "none"] += len(text)
    return {language: count / characters.total() for language, count in characters.most_common()}


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
