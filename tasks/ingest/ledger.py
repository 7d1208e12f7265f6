"""The ledger: which files arrived together. A corpus grows by partitions, and what was made of an old one stays.

HOME/corpora/NAME.SOURCE.json lists the files of each partition of one source, append-only and under one lock a corpus.
A run's unseen files (a new name, or a known name with other content) form the next partition, with one number for all
sources. A changed file supersedes its old version; a file no longer there is removed: its documents are withdrawn from
training, while its partition stands as it was. A partition none of whose files is left drops out, unless a later one
was formed in its presence: what is made of that one was made beside it.
"""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.forgotten import Forgotten, forgotten, touching
from tasks.ingest.listing import Listing, list_sources, told
from tasks.ingest.sources import File, IngestConfig, Part
from tasks.store.artifacts import write_durably

FIRST = 1
Entries = dict[str, dict[str, Any]]  # partition → {"files": [[name, size, sha256, metadata]], "unread", "after"}
IsMade = Callable[[Mapping[str, Part]], bool]  # is the ingest of the last of these partitions complete?
Withdrawn = dict[str, dict[str, str]]  # source → uri → superseded | removed


@dataclass(frozen=True)
class Corpus:
    """The partitions of one corpus in the order of their arrival, and what its listing had to tell."""

    parts: Mapping[str, Part]
    notes: tuple[str, ...] = field(default=(), compare=False)

    def withdrawn_from(self, partition: str) -> Withdrawn:
        """The files of a partition whose documents must not be trained on any more, and why."""
        return {source: dict(uris) for source, uris in self.parts[partition].withdrawn.items()}

    def withdrawn_before(self, partition: str) -> dict[str, Withdrawn]:
        """The same for all earlier partitions: no later document may be dropped for the sake of theirs."""
        earlier = {p: self.withdrawn_from(p) for p in self.parts if p < partition}
        return {p: withdrawn for p, withdrawn in earlier.items() if withdrawn}


def corpus(name: str, config: IngestConfig, home: Home, is_made: IsMade | None = None, write: bool = True) -> Corpus:
    """The partitions of corpus `name` as its sources stand now; unseen files form a new one, written down if `write`.

    With `is_made`, files that are gone leave a partition whose ingest is not complete: nothing was made of them yet.
    """
    listings = list_sources(config, home, write)
    folder = home.corpora
    with _locked(folder / f"{name}.lock", write):
        ledgers = {path: _read(path) for path in _paths(folder, name)}
        ours = {source: ledgers.get(folder / f"{name}.{source}.json", {}) for source in listings}
        before = json.dumps(ours)
        if is_made is not None:
            left_out = forgotten(home)
            _forget_what_was_never_made(
                ours, config, listings, lambda parts: is_made({p: _without(left_out, parts[p]) for p in parts})
            )
        newest = max((int(partition) for entries in ledgers.values() for partition in entries), default=FIRST - 1)
        after = list(_parts(ours, config, listings))
        _append_unseen(ours, listings, f"{newest + 1:04d}", after)
        if write and json.dumps(ours) != before:
            for source, entries in ours.items():
                content = {"corpus": name, "source": source, "partitions": entries}
                write_durably(folder / f"{name}.{source}.json", json.dumps(content, ensure_ascii=False).encode())
    parts = _parts(ours, config, listings)
    return Corpus({p: _without(forgotten(home), part) for p, part in parts.items()}, tuple(told(listings)))


def _append_unseen(ours: dict[str, Entries], listings: Mapping[str, Listing], partition: str, after: list[str]) -> None:
    for source, listing in listings.items():
        seen = {File(*file) for entry in ours[source].values() for file in entry["files"]}
        if unseen := [file for file in listing.files if file not in seen]:
            ours[source][partition] = {
                "files": [list(file) for file in unseen],
                "unread": listing.unread,
                "after": after,
            }


def _forget_what_was_never_made(
    ours: dict[str, Entries], config: IngestConfig, listings: Mapping[str, Listing], is_made: IsMade
) -> None:
    """A file that went before its partition was made cannot be read any more: the partition is made without it."""
    made = dict[str, Part]()
    for partition, part in _parts(ours, config, listings).items():
        is_whole = not part.withdrawn or is_made({**made, partition: part})
        left = part if is_whole else _without_withdrawn(ours, partition, part)
        if left.files:
            made[partition] = left


def _without(entries: list[Forgotten], part: Part) -> Part:
    """The part, told which documents of its files are to be left out."""
    names = {s: touching(entries, s, {file.name for file in files}) for s, files in part.files.items()}
    return replace(part, forgotten={source: found for source, found in names.items() if found})


def _without_withdrawn(ours: dict[str, Entries], partition: str, part: Part) -> Part:
    files = {s: tuple(f for f in files if f.name not in part.withdrawn.get(s, {})) for s, files in part.files.items()}
    for source, left in files.items():
        ours[source][partition]["files"] = [list(file) for file in left]
        if not left:
            del ours[source][partition]
    return replace(part, files={source: left for source, left in files.items() if left}, withdrawn={})


def _parts(ours: dict[str, Entries], config: IngestConfig, listings: Mapping[str, Listing]) -> dict[str, Part]:
    """The partitions with a file left, and those that they came after."""
    parts, needed = dict[str, Part](), set[str]()
    for partition in sorted({partition for entries in ours.values() for partition in entries}, reverse=True):
        entries = {source: ours[source][partition] for source in sorted(ours) if partition in ours[source]}
        part = _part(entries, listings)
        if _is_alive(part) or partition in needed:
            parts[partition] = part
            needed.update(earlier for entry in entries.values() for earlier in entry["after"])
    parts = dict(sorted(parts.items()))
    for name, source in config.planted().items():
        first = next((p for p, part in parts.items() if source.of in part.files), None)
        if first is not None:
            parts[first] = replace(parts[first], planted=(*parts[first].planted, name))
    return parts


def _part(entries: Entries, listings: Mapping[str, Listing]) -> Part:
    """One partition from what the ledgers of its sources say of it."""
    files = {source: tuple(File(*file) for file in entry["files"]) for source, entry in entries.items()}
    withdrawn = {source: _withdrawn(files[source], listings[source]) for source in files}
    return Part(
        files=files,
        unread={source: entry["unread"] for source, entry in entries.items() if entry["unread"]},
        withdrawn={source: gone for source, gone in withdrawn.items() if gone},
    )


def _withdrawn(files: tuple[File, ...], listing: Listing) -> dict[str, str]:
    now = {file.name: file for file in listing.files}
    return {f.name: "superseded" if f.name in now else "removed" for f in files if now.get(f.name) != f}


def _is_alive(part: Part) -> bool:
    return any(len(files) > len(part.withdrawn.get(source, {})) for source, files in part.files.items())


def _paths(folder: Path, name: str) -> list[Path]:
    """The ledgers of one corpus; a source's name has no dot, a corpus' may."""
    return [path for path in sorted(folder.glob("*.json")) if path.stem.rpartition(".")[0] == name]


def _read(path: Path) -> Entries:
    try:
        return json.loads(path.read_text())["partitions"]
    except (ValueError, KeyError) as error:
        cure = f"restore it, or begin the corpus anew: rm '{path.parent / path.stem.rpartition('.')[0]}'.*.json"
        raise UserError(f"{path}: no ledger (cut or changed)", cure) from error


@contextmanager
def _locked(path: Path, write: bool) -> Iterator[None]:
    """One writer at a time; a reader needs no lock, since a ledger is replaced whole."""
    if not write:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
