"""What a store holds of the documents to forget: their rows, the same text under other names, and what only they hold.

Every ingest in the store is read: a document may lie in the artifacts of several recipes and days.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands.home.text_overlaps import Run, runs_of, words_of
from tasks.ingest.forgotten import ForgottenTexts
from tasks.ingest.forgotten_rows import all_names
from tasks.store.contents import StoreContents
from tasks.store.tombstones import NAMES
from tasks.store.verification import read_manifest

TABLES = ("documents/*.parquet", "quarantine.parquet", NAMES)  # of an ingest, and of what is left of one
ROWS_AT_ONCE = 1024
SHORT_RUN = 5  # words; and
MIN_LETTERS = 20  # of a run that is no accident where no other document has it


@dataclass
class Traces:
    """What the store holds of the documents to forget."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # name → documents and quarantined records
    ingests: set[str] = field(default_factory=set)  # keys of the artifacts that hold one
    planted: set[str] = field(default_factory=set)  # sources of dirt, which is planted anew without the documents
    known: set[str] = field(default_factory=set)  # every name of every document: for a hint at a wrong one
    copies: set[str] = field(default_factory=set)  # ids of documents under other names, whose text is the same
    own_runs: set[Run] = field(default_factory=set)  # of SHORT_RUN words, in no other document
    own_words: set[str] = field(default_factory=set)  # in no other document

    @property
    def doc_ids(self) -> set[str]:
        return {row["doc_id"] for rows in self.rows.values() for row in rows if "doc_id" in row}

    def texts_of(self, name: str) -> set[str]:
        """The texts of its documents; those that were cut from one text also as a whole."""
        wholes = dict[str, dict[str, str]]()
        for row in self.rows.get(name, []):
            if "text" in row:
                wholes.setdefault(row["origin"], {})[row["doc_id"]] = row["text"]
        return {text for parts in wholes.values() for text in (*parts.values(), "\n".join(parts.values()))}

    @property
    def bodies(self) -> list[str]:
        """All texts, and what is kept of records that could not be read."""
        bodies = [row.get("text") or row.get("raw") for rows in self.rows.values() for row in rows]
        return sorted({t.decode("utf-8", errors="replace") if isinstance(t, bytes) else t for t in bodies if t})


def search(held: StoreContents, names: Collection[str]) -> Traces:
    """The documents and quarantined records of these names."""
    traces = Traces()
    for key, row in _rows(held, traces, TABLES):
        called = all_names(row)
        traces.known |= called
        for name in called.intersection(names):
            traces.rows.setdefault(name, []).append(row)
            traces.ingests.add(key)
    return traces


def compare_with_others(held: StoreContents, traces: Traces, texts: ForgottenTexts) -> None:
    """Adds what is seen by reading all other documents: which have a text of these, and what none of them has."""
    named, words = traces.doc_ids, [words_of(body) for body in traces.bodies]
    traces.own_words = {word for each in words for word in each}
    traces.own_runs = {run for each in words for run in runs_of(each, SHORT_RUN) if len("".join(run)) >= MIN_LETTERS}
    firsts = {run[0] for run in traces.own_runs}
    for key, row in _rows(held, traces, TABLES[:1]):
        if row["doc_id"] in named:
            continue
        if (name := texts.name_of(row["text"])) in traces.rows:
            traces.rows[name].append(row)
            traces.copies.add(row["doc_id"])
            traces.ingests.add(key)
            continue
        others = words_of(row["text"])
        traces.own_words.difference_update(others)
        for start in (i for i, word in enumerate(others) if word in firsts):
            traces.own_runs.discard(tuple(others[start : start + SHORT_RUN]))


def lone_labels(held: StoreContents, keys: Collection[str], doc_ids: Collection[str]) -> list[str]:
    """The labels of classifiers among these artifacts that no other document has."""
    labels = set[str]()
    for key in keys:
        if held.artifacts[key].step.startswith("finetune/"):
            owners = dict[str, set[str]]()
            for label, doc_id in _labelled(held.artifacts[key].path / "rows"):
                owners.setdefault(label, set()).add(doc_id)
            labels |= {label for label, ids in owners.items() if ids <= {*doc_ids}}
    return sorted(labels)


def _rows(held: StoreContents, traces: Traces, tables: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key of the ingest, row) of all documents and records but planted ones."""
    import pyarrow.parquet as pq

    for artifact in held.artifacts.values():
        if artifact.step != "ingest":
            continue
        config = read_manifest(artifact.path)["config"]
        traces.planted |= config["planted"].keys()
        for path in sorted(path for name in tables for path in artifact.path.glob(name)):
            with pq.ParquetFile(path) as table:
                for batch in table.iter_batches(batch_size=ROWS_AT_ONCE):
                    yield from ((artifact.key, row) for row in batch.to_pylist() if row["source"] in config["sources"])


def _labelled(rows: Path) -> Iterator[tuple[str, str]]:
    """(label, doc_id) of each row of a classifier's data set; nothing of any other."""
    import pyarrow as pa

    for described in sorted(rows.glob("*/dataset_info.json")):
        names = json.loads(described.read_text(encoding="utf-8"))["features"].get("label", {}).get("names")
        for path in sorted(described.parent.glob("*.arrow")) if names else ():
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
                for batch in stream:
                    columns = (batch.column(name).to_pylist() for name in ("label", "doc_id"))
                    yield from ((names[label], doc_id) for label, doc_id in zip(*columns, strict=True))
