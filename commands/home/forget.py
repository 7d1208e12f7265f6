"""`triptych forget`: a document's text leaves the home, and the models that learned from it are named.

    1. its name goes on the home's list: no run of this home reads the document again (tasks/ingest/forgotten.py)
    2. every file in MLflow's runs that quotes it goes
    3. so does every artifact that was made from an ingest that held it, and work cut short with it; the next run
       makes what it needs again, without the document; which documents a model was made of is kept (remains.py)
    4. the registered versions made from it get a tag, the audit a line; files that still quote it are reported

The ingests go last of what goes, so that the same command goes on where it was cut short.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from commands.home.text_overlaps import Quotes
from flows.record import records
from flows.retention import keys_of
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.ingest.forgotten import Forgotten, all_names, forgotten, remember
from tasks.progress import say
from tasks.register.aliases import check_registry, current_user, write_line
from tasks.store.contents import StoreContents, Stored, read_contents
from tasks.store.garbage import is_worked_on, remove, unused
from tasks.store.locks import exclusive
from tasks.store.step import input_keys
from tasks.store.tombstones import NAMES, with_tombstones, write_tombstone
from tasks.store.verification import read_manifest
from tasks.tracking.model_version import Version
from tasks.tracking.registry import versions
from tasks.tracking.server import mlflow_server
from tasks.tracking.versions import open_registry

TABLES = ("documents/*.parquet", "quarantine.parquet", NAMES)  # of an ingest, and of what is left of one
TAG = "forgotten"  # on a version: the documents it was made of that the home has forgotten since
TRAINED, HELD = "its training text held it", "its corpus held it, its training text did not"
NEAR_COPIES_SHOWN = 20


@dataclass
class Traces:
    """What the store holds of the documents to forget."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # name → documents and quarantined records
    ingests: set[str] = field(default_factory=set)  # keys of the artifacts that hold one
    planted: set[str] = field(default_factory=set)  # sources of dirt, which is planted anew without the documents
    known: set[str] = field(default_factory=set)  # every name of every document: for a hint at a wrong one

    @property
    def doc_ids(self) -> set[str]:
        return {row["doc_id"] for rows in self.rows.values() for row in rows if "doc_id" in row}

    @property
    def texts(self) -> list[str]:
        bodies = [row.get("text") or row.get("raw") for rows in self.rows.values() for row in rows]
        return sorted({t.decode("utf-8", errors="replace") if isinstance(t, bytes) else t for t in bodies if t})


def forget(home: Home, names: Sequence[str], why: str = "") -> dict[str, Any]:
    """What was removed, which versions had been made of it, and where it still is."""
    with unused(home.store) as alone:
        if not alone:
            raise UserError("a run works in this home and could write the text again", "forget when it has ended")
        check_registry(home)
        held = read_contents(home.store)
        ever = with_tombstones(home, held)
        traces = _search(ever, set(names))
        before = {entry.name: entry for entry in forgotten(home)}
        _refuse_unknown(names, traces, before)
        touched = held.with_descendants(traces.ingests)
        copies = _near_copies(held, touched, traces)
        registered = versions(home)
        entries = [_entry(name, ever, traces, registered, before.get(name)) for name in names]
        remember(home, entries)
        rebuilt = sorted({r.recipe for r in records(home) if keys_of(r) & touched})
        quotes = Quotes(traces.texts)
        erased = list(_erase_copies(home, quotes)) if quotes.runs else []
        removed = _remove(home, held, touched)
    _tag(home, registered, entries)
    report = {
        "documents": sorted(traces.doc_ids) or list(names),
        "artifacts_removed": removed,
        "mlflow_files_removed": len(erased),
        "versions": _version_rows(entries),
        "near_copies": copies,
        "still_quoted_in": sorted(str(path.relative_to(home)) for path in _quoting(home, quotes)),
        "sources": sorted({f"{s}/{uri}" for e in entries for s, uris in e.places.items() for uri in uris}),
        "run_again": rebuilt,
    }
    more = {"documents": report["documents"], "versions": [v["version"] for v in report["versions"]], "why": why}
    write_line(home, current_user(), "forget", more)
    if server := mlflow_server():
        runs = f"the runs of {', '.join(rebuilt)}" if rebuilt else "all runs that read these documents"
        say(f"not searched: files of runs on {server}; delete {runs} there, then `mlflow gc` where it runs")
        report["not_searched"] = str(server)
    return report


def _version_rows(entries: list[Forgotten]) -> list[dict[str, str]]:
    """One row a version, with the graver of its reasons."""
    trained = {version for entry in entries for version in entry.trained}
    held = {version for entry in entries for version in entry.held} - trained
    return [{"version": v, "why": TRAINED if v in trained else HELD} for v in sorted(trained | held)]


def _search(held: StoreContents, names: set[str]) -> Traces:
    """Every ingest in the store is read: a document may lie in the artifacts of several recipes and days."""
    import pyarrow.parquet as pq

    traces = Traces()
    for artifact in held.artifacts.values():
        if artifact.step != "ingest":
            continue
        config = read_manifest(artifact.path)["config"]
        sources = config["sources"]
        traces.planted |= config["planted"].keys()
        for path in sorted(path for name in TABLES for path in artifact.path.glob(name)):
            with pq.ParquetFile(path) as table:
                for batch in table.iter_batches(batch_size=1024):
                    _note(traces, artifact.key, (row for row in batch.to_pylist() if row["source"] in sources), names)
    return traces


def _note(traces: Traces, key: str, rows: Iterator[dict[str, Any]], names: set[str]) -> None:
    for row in rows:
        called = all_names(row)
        traces.known |= called
        for name in called & names:
            traces.rows.setdefault(name, []).append(row)
            traces.ingests.add(key)


def _refuse_unknown(names: Sequence[str], traces: Traces, before: dict[str, Forgotten]) -> None:
    for name in names:
        if name not in traces.rows and name not in before:
            near = get_close_matches(name, traces.known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise UsageError(
                f"no document {name!r} in any ingest of this home; nothing was forgotten",
                f"{hint}give a doc_id, SOURCE/FILE or source text: triptych sql -e 'select doc_id from documents'",
            )


def _entry(
    name: str, held: StoreContents, traces: Traces, registered: list[Version], before: Forgotten | None
) -> Forgotten:
    """The name with all its places and the versions made of it, those of an earlier try included."""
    rows = traces.rows.get(name, [])
    places = {source: {*uris} for source, uris in before.places.items()} if before else {}
    for row in rows:
        places.setdefault(row["source"], set()).add(row["uri"])
    ids = {row["doc_id"] for row in rows if "doc_id" in row}
    seen = {f"{v.name}/{v.version}": _relation(v, held, traces.ingests, ids) for v in registered} if rows else {}
    trained = {v for v, relation in seen.items() if relation == TRAINED} | {*(before.trained if before else ())}
    touched = {v for v, relation in seen.items() if relation == HELD} | {*(before.held if before else ())}
    return Forgotten(
        name=name,
        time=before.time if before else datetime.now(UTC).isoformat(timespec="seconds"),
        places={source: tuple(sorted(uris)) for source, uris in places.items()},
        trained=tuple(sorted(trained)),
        held=tuple(sorted(touched - trained)),
    )


def _relation(version: Version, held: StoreContents, ingests: set[str], doc_ids: set[str]) -> str | None:
    """How a version has to do with the documents: by the shards it was trained on, else by its corpus."""
    named = {version.tags[tag] for tag in ("key", "weights_key") if tag in version.tags}
    lineage = held.with_ancestors(named.union(input_keys(json.loads(version.tags.get("parents", "{}")))))
    if not lineage & ingests:
        return None
    encoded = [held.artifacts[key] for key in lineage if held.artifacts[key].step == "encode"]
    return TRAINED if any(_in_training(artifact, doc_ids) for artifact in encoded) else HELD


def _in_training(encoded: Stored, doc_ids: set[str]) -> bool:
    import pyarrow.parquet as pq

    rows = pq.read_table(encoded.path / "bytes.parquet", columns=["doc_id", "split"]).to_pylist()
    return any(row["split"] == "train" and row["doc_id"] in doc_ids for row in rows)


def _near_copies(held: StoreContents, touched: set[str], traces: Traces) -> list[str]:
    """Other documents of the same cluster: they say nearly the same, and are to be named if they shall go as well."""
    import pyarrow.parquet as pq

    doc_ids, members = traces.doc_ids, set[str]()
    for key in touched:
        if held.artifacts[key].step == "curate":
            table = pq.read_table(held.artifacts[key].path / "decisions.parquet", columns=["doc_id", "cluster_id"])
            rows = [row for row in table.to_pylist() if row["cluster_id"] is not None]
            clusters = {row["cluster_id"] for row in rows if row["doc_id"] in doc_ids}
            members |= {row["doc_id"] for row in rows if row["cluster_id"] in clusters}
    others = (doc_id for doc_id in members - doc_ids if doc_id.partition("/")[0] not in traces.planted)
    return sorted(others)[:NEAR_COPIES_SHOWN]


def _remove(home: Home, held: StoreContents, touched: set[str]) -> dict[str, int]:
    """Artifacts and leftovers removed, by step; what is made of an artifact goes before it."""
    for key in touched:
        write_tombstone(home, held.artifacts[key])
    removed = dict[str, int]()
    leftovers = [leftover for leftover in held.leftovers if not is_worked_on(leftover)]
    for entry in [*leftovers, *_youngest_first(held, touched)]:
        if not remove(entry):
            raise UserError(f"{entry.path}: some process works on it", "end it, then run the same command again")
        removed[entry.step] = removed.get(entry.step, 0) + 1
    return removed


def _youngest_first(held: StoreContents, touched: set[str]) -> Iterator[Stored]:
    """So that a removal cut short leaves what leads the next try to the rest."""
    left = set(touched)
    while left:
        ends = {key for key in left if len(held.with_descendants([key]) & left) == 1}
        yield from (held.artifacts[key] for key in sorted(ends))
        left -= ends


def _erase_copies(home: Home, quotes: Quotes) -> Iterator[Path]:
    """Removes the files of MLflow's runs that quote; registered models are sealed, and hold weights, not text."""
    tracked = sorted(home.mlflow_artifacts.glob("*/*/artifacts/**/*"))
    tracked = [path for path in tracked if path.relative_to(home.mlflow_artifacts).parts[1] != "models"]
    for path in (*tracked, *sorted(home.reports.glob("*.html"))):
        if path.is_file() and quotes.within_file(path):
            path.unlink()
            yield path


def _tag(home: Home, registered: list[Version], entries: list[Forgotten]) -> None:
    """Every version that was made of one of these documents says which the home has forgotten."""
    touched = {version for entry in entries for version in (*entry.trained, *entry.held)}
    mine = [version for version in registered if f"{version.name}/{version.version}" in touched]
    if not mine:
        return
    with exclusive(home.registry_lock), open_registry(home) as registry:
        for version in mine:
            full = f"{version.name}/{version.version}"
            names = [entry.name for entry in forgotten(home) if full in (*entry.trained, *entry.held)]
            registry.tag(version, {TAG: json.dumps(names, ensure_ascii=False)})


def _quoting(home: Home, quotes: Quotes) -> Iterator[Path]:
    """The files of the home in which the text still stands: looked for everywhere, whatever wrote them."""
    if not quotes.runs:
        return
    for path in sorted(home.path.rglob("*")):
        if path.is_file() and not path.is_symlink() and quotes.within_file(path):
            yield path
