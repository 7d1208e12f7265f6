"""The ledger: which files arrived together. A corpus grows by partitions, and what was made of an old one stays.

HOME/corpora/NAME.SOURCE.json lists the files of each partition of one source, append-only and under one lock per
corpus. A run's unseen files (a new name, or a known name with other content) form the next partition, with one number
for all sources. A changed file supersedes its old version; a file no longer there is removed: its documents are
withdrawn from training, while its partition stays as it was. A partition none of whose files is left is dropped, unless
a later one was formed in its presence: the later one's artifacts were made with the earlier one as an input.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.forgotten import Forgotten, forgotten, forgotten_texts, touching
from tasks.ingest.listing import Listing, list_sources, notes_of
from tasks.ingest.sources import File, IngestConfig, Partition
from tasks.store.artifacts import write_durably
from tasks.store.locks import exclusive

FIRST = 1
Entries = dict[str, dict[str, Any]]  # partition → {"files": [[name, size, sha256, metadata]], "unread", "after"}
Ledgers = dict[str, Entries]  # by source
IsMade = Callable[[Mapping[str, Partition]], bool]  # is the ingest of the last of these partitions complete?
Withdrawn = dict[str, dict[str, str]]  # source → uri → superseded | removed


@dataclass(frozen=True)
class Corpus:
    """The partitions of one corpus in the order of their arrival, and notes on its listing for a person."""

    parts: Mapping[str, Partition]
    notes: tuple[str, ...] = field(default=(), compare=False)

    def withdrawn_from(self, partition: str) -> Withdrawn:
        """The files of a partition whose documents must not be trained on any more, and why."""
        return {source: dict(uris) for source, uris in self.parts[partition].withdrawn.items()}

    def withdrawn_before(self, partition: str) -> dict[str, Withdrawn]:
        """The withdrawn files of all earlier partitions: no later document may go as a copy of one of theirs."""
        earlier = {p: self.withdrawn_from(p) for p in self.parts if p < partition}
        return {p: withdrawn for p, withdrawn in earlier.items() if withdrawn}


def read_corpus(name: str, config: IngestConfig, home: Home, is_made: IsMade | None = None) -> Corpus:
    """The partitions of corpus `name` as `record_arrivals` would return them now; nothing is written."""
    listings = list_sources(config, home, remember=False)
    return _corpus(_ledgers(name, config, home, listings, is_made), config, home, listings)


def record_arrivals(name: str, config: IngestConfig, home: Home, is_made: IsMade | None = None) -> Corpus:
    """The partitions of corpus `name`, once the unseen files of its sources are in the ledger as a new partition.

    With `is_made`, files that are gone leave a partition whose ingest is not complete: nothing was made of them yet.
    """
    listings = list_sources(config, home)
    with exclusive(home.corpora / f"{name}.lock"):
        ledgers = _ledgers(name, config, home, listings, is_made)
        if any(entries != _read(_path(home, name, source)) for source, entries in ledgers.items()):
            for source, entries in ledgers.items():
                content = {"corpus": name, "source": source, "partitions": entries}
                write_durably(_path(home, name, source), json.dumps(content, ensure_ascii=False).encode())
    return _corpus(ledgers, config, home, listings)


def _corpus(ledgers: Ledgers, config: IngestConfig, home: Home, listings: Mapping[str, Listing]) -> Corpus:
    parts, entries, texts = _parts(ledgers, config, listings), forgotten(home), forgotten_texts(home)
    parts = {p: replace(_without_forgotten(entries, part), forgotten_texts=texts) for p, part in parts.items()}
    return Corpus(parts, tuple(notes_of(listings)))


def _ledgers(
    name: str, config: IngestConfig, home: Home, listings: Mapping[str, Listing], is_made: IsMade | None
) -> Ledgers:
    """The ledgers of a corpus' sources as they should be: files that no partition has yet are the newest one."""
    ledgers = {source: _read(_path(home, name, source)) for source in listings}
    if is_made is not None:
        entries = forgotten(home)
        _drop_files_never_ingested(
            ledgers, config, listings, lambda parts: is_made({p: _without_forgotten(entries, parts[p]) for p in parts})
        )
    numbers = [int(partition) for path in _paths(home, name) for partition in _read(path)]
    after = list(_parts(ledgers, config, listings))
    _append_unseen(ledgers, listings, f"{max(numbers, default=FIRST - 1) + 1:04d}", after)
    return ledgers


def _append_unseen(ledgers: Ledgers, listings: Mapping[str, Listing], partition: str, after: list[str]) -> None:
    for source, listing in listings.items():
        seen = {File(*file) for entry in ledgers[source].values() for file in entry["files"]}
        if unseen := [file for file in listing.files if file not in seen]:
            ledgers[source][partition] = {
                "files": [list(file) for file in unseen],
                "unread": listing.unsupported,
                "after": after,
            }


def _drop_files_never_ingested(
    ledgers: Ledgers, config: IngestConfig, listings: Mapping[str, Listing], is_made: IsMade
) -> None:
    """A file that was removed before its partition was ingested cannot be read: the partition is made without it."""
    made = dict[str, Partition]()
    for partition, part in _parts(ledgers, config, listings).items():
        is_whole = not part.withdrawn or is_made({**made, partition: part})
        remaining = part if is_whole else _without_withdrawn(ledgers, partition, part)
        if remaining.files:
            made[partition] = remaining


def _without_forgotten(entries: list[Forgotten], part: Partition) -> Partition:
    """The partition, with the names of the documents in its files that are to be left out."""
    names = {s: touching(entries, s, {file.name for file in files}) for s, files in part.files.items()}
    return replace(part, forgotten={source: listed for source, listed in names.items() if listed})


def _without_withdrawn(ledgers: Ledgers, partition: str, part: Partition) -> Partition:
    files = {s: tuple(f for f in files if f.name not in part.withdrawn.get(s, {})) for s, files in part.files.items()}
    for source, remaining in files.items():
        ledgers[source][partition]["files"] = [list(file) for file in remaining]
        if not remaining:
            del ledgers[source][partition]
    return replace(part, files={source: remaining for source, remaining in files.items() if remaining}, withdrawn={})


def _parts(ledgers: Ledgers, config: IngestConfig, listings: Mapping[str, Listing]) -> dict[str, Partition]:
    """The partitions that still have a file, and those that they came after."""
    parts, needed = dict[str, Partition](), set[str]()
    for partition in sorted({partition for entries in ledgers.values() for partition in entries}, reverse=True):
        entries = {source: ledgers[source][partition] for source in sorted(ledgers) if partition in ledgers[source]}
        part = _partition(entries, listings)
        if _has_files_left(part) or partition in needed:
            parts[partition] = part
            needed.update(earlier for entry in entries.values() for earlier in entry["after"])
    parts = dict(sorted(parts.items()))
    for name, source in config.planted().items():
        first = next((p for p, part in parts.items() if source.of in part.files), None)
        if first is not None:
            parts[first] = replace(parts[first], planted=(*parts[first].planted, name))
    return parts


def _partition(entries: Entries, listings: Mapping[str, Listing]) -> Partition:
    """One partition, from the entries that its sources' ledgers have for it."""
    files = {source: tuple(File(*file) for file in entry["files"]) for source, entry in entries.items()}
    withdrawn = {source: _withdrawn(files[source], listings[source]) for source in files}
    return Partition(
        files=files,
        unsupported={source: entry["unread"] for source, entry in entries.items() if entry["unread"]},
        withdrawn={source: uris for source, uris in withdrawn.items() if uris},
    )


def _withdrawn(files: tuple[File, ...], listing: Listing) -> dict[str, str]:
    now = {file.name: file for file in listing.files}
    return {f.name: "superseded" if f.name in now else "removed" for f in files if now.get(f.name) != f}


def _has_files_left(part: Partition) -> bool:
    return any(len(files) > len(part.withdrawn.get(source, {})) for source, files in part.files.items())


def _path(home: Home, name: str, source: str) -> Path:
    return home.corpora / f"{name}.{source}.json"


def _paths(home: Home, name: str) -> list[Path]:
    """The ledgers of one corpus, those of sources that the recipe no longer names among them."""
    paths = sorted(home.corpora.glob("*.json"))
    return [path for path in paths if path.stem.rpartition(".")[0] == name]  # a source's name has no dot


def _read(path: Path) -> Entries:
    """A ledger's partitions; none where there is no ledger yet."""
    try:
        return json.loads(path.read_text())["partitions"]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError) as error:
        cure = f"restore it, or begin the corpus anew: rm '{path.parent / path.stem.rpartition('.')[0]}'.*.json"
        raise UserError(f"{path}: not a ledger (truncated or edited)", cure) from error
