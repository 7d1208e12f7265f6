"""`triptych forget`: a document's text leaves the home, and the models that learned from it are named.

    1. its name and a keyed hash of its text go on the home's list: no run of this home reads the document again, nor
       its text under another name (tasks/ingest/forgotten.py); what has its text under another name now goes as well
    2. every file in MLflow's runs that quotes it goes, or names a label that only it had; so do the texts of feedback
       that quotes it, whose rating or vote still counts
    3. so does every artifact that was made from an ingest that held it, and work cut short with it, and every index of
       its text; the next run makes what it needs again, without the document; which documents a model was made of is
       kept (tombstones.py)
    4. the registered versions made from it get a tag, the audit a line; what still quotes it is reported, with a fix

The ingests go last of what goes, so that the same command goes on where it was cut short.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from commands.home.text_overlaps import Quotes, runs_of, words_of
from commands.home.traces import SHORT_RUN, Traces, compare_with_others, lone_labels, search
from commands.home.what_remains import erase_copies, fix_of, label_quotes, naming, quoting, tokens_left
from flows.record import records
from flows.retention import keys_of
from flows.session import check_writable
from tasks.errors import UsageError, UserError
from tasks.feedback.log import forget_texts
from tasks.home import Home
from tasks.ingest.forgotten import Forgotten, ForgottenTexts, forgotten, forgotten_texts, remember
from tasks.look_up.passage_index import outlived_indexes
from tasks.progress import say
from tasks.register.aliases import check_registry, current_user, write_line
from tasks.store.contents import StoreContents, Stored, read_contents
from tasks.store.garbage import is_worked_on, remove, unused
from tasks.store.locks import exclusive
from tasks.store.step import input_keys
from tasks.store.tombstones import with_tombstones, write_tombstone
from tasks.tracking.model_version import Version
from tasks.tracking.registry import versions
from tasks.tracking.server import mlflow_server
from tasks.tracking.versions import open_registry

TAG = "forgotten"  # on a version: the documents it was made of that the home has forgotten since
TRAINED, HELD = "its training text held it", "its corpus held it, its training text did not"
NEAR_COPIES_SHOWN = 20


@dataclass(frozen=True)
class Known:
    """What the home's list says already, by name, and the hashes of all texts, these included."""

    entries: Mapping[str, Forgotten]
    texts: ForgottenTexts


@dataclass(frozen=True)
class Remains:
    """What is looked for in the files of the home: runs of words, labels, and words that could be tokens."""

    quotes: Quotes
    labels: tuple[str, ...]
    words: frozenset[str]

    @property
    def label_quotes(self) -> Quotes:
        return label_quotes(self.labels)


def forget(home: Home, names: Sequence[str], why: str = "") -> dict[str, Any]:
    """What was removed, which versions had been made of it, and where it still is."""
    check_writable(home)
    with unused(home.store) as alone:
        if not alone:
            raise UserError("a run works in this home and could write the text again", "forget when it has ended")
        check_registry(home)
        held = read_contents(home.store)
        ever = with_tombstones(home, held)
        traces = search(ever, names)
        before = {entry.name: entry for entry in forgotten(home)}
        _refuse_unknown(names, traces, before)
        texts = _with_hashes(traces, forgotten_texts(home).keyed())
        compare_with_others(held, traces, texts)
        touched = held.with_descendants(traces.ingests)
        copies = _near_copies(held, touched, traces)
        registered = versions(home)
        entries = [_entry(name, ever, traces, registered, Known(before, texts)) for name in names]
        remember(home, entries, texts)
        rebuilt = sorted({r.recipe for r in records(home) if keys_of(r) & touched})
        remains = _remains(held, touched, traces)
        erased = list(erase_copies(home, remains.quotes, remains.label_quotes, remains.words))
        feedback = forget_texts(home, lambda entry: any(map(remains.quotes.within, entry.texts)))
        removed = _remove(home, held, touched)
        for index in outlived_indexes(home):  # also one that a process reads: what it answers from is gone
            shutil.rmtree(index)
    _tag(home, registered, entries)
    report = {
        "documents": sorted(traces.doc_ids) or list(names),
        "same_text": sorted(traces.copies),
        "known_by_name_only": sorted(
            name for name in names if name in traces.rows and not _hashes(name, traces, texts)
        ),
        "artifacts_removed": removed,
        "mlflow_files_removed": len(erased),
        "feedback_removed": [entry.id for entry in feedback],
        "versions": _version_rows(entries),
        "near_copies": copies,
        "still_quoted_in": sorted(str(path.relative_to(home)) for path in quoting(home, remains.quotes)),
        **_left_in_models(home, remains, registered),
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


def _remains(held: StoreContents, touched: set[str], traces: Traces) -> Remains:
    """Long runs of the texts' words whoever else has them, short ones and single words that nobody else has."""
    long = {run for body in traces.bodies for run in runs_of(words_of(body))}
    telling = {run for run in long if len(run) >= SHORT_RUN or traces.own_words.intersection(run)}
    labels = lone_labels(held, touched, traces.doc_ids)
    return Remains(Quotes(telling | traces.own_runs), tuple(labels), frozenset(traces.own_words))


def _left_in_models(home: Home, remains: Remains, registered: list[Version]) -> dict[str, list[dict[str, Any]]]:
    """Labels and tokens that stand in files which are not removed: where, and what to do about it."""
    places = sorted(str(path.relative_to(home)) for path in naming(home, remains.label_quotes))
    labels = [{"labels": list(remains.labels), "in": place} for place in places]
    tokens = [{"words": words, "in": place} for place, words in tokens_left(home, remains.words).items()]
    left = {"labels_left": labels, "tokens_left": tokens}
    return {name: [{**row, "fix": fix_of(row["in"], registered, home)} for row in rows] for name, rows in left.items()}


def _hashes(name: str, traces: Traces, texts: ForgottenTexts) -> set[str]:
    """The keyed hashes of the texts of that name."""
    return {hashed for text in traces.texts_of(name) if (hashed := texts.hash_of(text))}


def _with_hashes(traces: Traces, texts: ForgottenTexts) -> ForgottenTexts:
    hashed = {each: name for name in traces.rows for each in _hashes(name, traces, texts)}
    return texts.model_copy(update={"names": {**texts.names, **hashed}})


def _version_rows(entries: list[Forgotten]) -> list[dict[str, str]]:
    """One row a version, with the graver of its reasons."""
    trained = {version for entry in entries for version in entry.trained}
    held = {version for entry in entries for version in entry.held} - trained
    return [{"version": v, "why": TRAINED if v in trained else HELD} for v in sorted(trained | held)]


def _refuse_unknown(names: Sequence[str], traces: Traces, before: dict[str, Forgotten]) -> None:
    for name in names:
        if name not in traces.rows and name not in before:
            near = get_close_matches(name, traces.known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise UsageError(
                f"no document {name!r} in any ingest of this home; nothing was forgotten",
                f"{hint}give a doc_id, SOURCE/FILE or source text: triptych sql -e 'select doc_id from documents'",
            )


def _entry(name: str, held: StoreContents, traces: Traces, registered: list[Version], known: Known) -> Forgotten:
    """The name with all its places and the versions made of it, those of an earlier try included."""
    before = known.entries.get(name)
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
        texts=tuple(sorted(_hashes(name, traces, known.texts) | {*(before.texts if before else ())})),
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
