"""The decision over scores: filters in SQL, then duplicates among what passes, then the split. No text is opened."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.curate.conditions import unmet
from tasks.curate.config import DecisionConfig
from tasks.curate.dedup import PassingDocument, dedup_decisions, near_texts
from tasks.curate.index import read_documents
from tasks.curate.rules import rules_table
from tasks.curate.split import UNSEEN, By, Earlier, Member, assign, choose_by
from tasks.document_names import file_of
from tasks.errors import UserError
from tasks.tables.query import query, statement

SCHEMA = pa.schema(
    [
        ("doc_id", pa.string()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("cluster_id", pa.string()),
        ("kept_id", pa.string()),
        ("similarity", pa.float64()),
        ("split", pa.string()),
    ]
)


@dataclass(frozen=True)
class Folders:
    """The scores of a partition, and the scores and decisions of the partitions before it, in order."""

    signals: Path
    earlier_signals: Mapping[str, Path]
    earlier: Mapping[str, Path]


@dataclass(frozen=True)
class Decisions:
    table: pa.Table  # SCHEMA, in reading order
    by: By | None  # what the split goes by; None where there is nothing to split

    @property
    def dropped(self) -> dict[str, int]:
        """{first reason: documents}, the most frequent first."""
        return dict(Counter(reason for reason in self.table["reason"].to_pylist() if reason).most_common())

    @property
    def kept(self) -> int:
        return self.table["kept"].to_pylist().count(True)


def verdicts(signals: pa.Table | Path, config: DecisionConfig) -> pa.Table:
    """doc_id, passes, reason, reasons of each scored document, by `sql/internal/decide.sql`."""
    scored = pq.read_table(signals) if isinstance(signals, Path) else signals
    rules = rules_table(config)
    params = {"filters": list(config.filters), "languages": list(config.languages), "c4_rewrite": config.c4_rewrite}
    tables = {"signals": scored, "measured": _measured(scored, rules), "rules": rules}
    return query(statement("internal/decide.sql"), params, tables | {"own": unmet(config.keep_if, scored)})


def _measured(scored: pa.Table, rules: pa.Table) -> pa.Table:
    """doc_id and the signals that rules compare, as floats; UserError where the scores lack what a rule is set on."""
    signals = set[str]()
    for row in rules.to_pylist():
        if row["signal"] in scored.column_names:
            signals.add(row["signal"])
        elif row["signal"] and row["is_on"]:
            raise UserError(
                f"{row['setting']}: these scores are older than the signal {row['signal']}",
                "triptych run --until curate, which scores anew",
            )
    columns = {name: scored[name].cast(pa.float64()) for name in sorted(signals)}
    return pa.table({"doc_id": scored["doc_id"]} | columns)


def decide(config: DecisionConfig, folders: Folders, judged: pa.Table) -> Decisions:
    """Decisions on every document of a partition: reasons, cluster, the document kept for a duplicate, split."""
    return split_decisions(config, folders, deduplicated(config, folders, judged))


def split_decisions(config: DecisionConfig, folders: Folders, rows: list[dict]) -> Decisions:
    """The decisions of these rows with the split of each; UserError where the kept documents fill no three splits."""
    by = _split(rows, config, folders)
    return Decisions(pa.Table.from_pylist(rows, schema=SCHEMA), by)


def deduplicated(config: DecisionConfig, folders: Folders, judged: pa.Table) -> list[dict]:
    """The rows of a decision but for their split: verdicts, and duplicates among the documents that pass."""
    own = read_documents(folders.signals / "index.arrow")
    verdict = {row["doc_id"]: row for row in judged.to_pylist()}
    hashes = dict(zip(own["doc_id"].to_pylist(), own["text_hash"].to_pylist(), strict=True))
    earlier, earlier_hashes = _earlier_texts(config, folders)
    near = near_texts(pq.read_table(folders.signals / "pairs.parquet"), earlier_hashes | hashes, config.jaccard)
    passing = [PassingDocument(doc_id, text, doc_id) for doc_id, text in hashes.items() if verdict[doc_id]["passes"]]
    duplicates = dedup_decisions(passing, earlier, near, config.dedup)
    rows = [_row(verdict[doc_id]) for doc_id in hashes]
    for row in rows:
        if document := duplicates.get(row["doc_id"]):
            row |= {"cluster_id": document.cluster_id, "kept_id": document.kept_id, "similarity": document.similarity}
            if document.reason:
                row |= {"kept": False, "reason": document.reason, "reasons": [document.reason]}
    return rows


def _row(verdict: dict) -> dict:
    kept = {"kept": verdict["passes"], "reason": verdict["reason"], "reasons": verdict["reasons"]}
    nothing_like_it = {"cluster_id": verdict["doc_id"], "kept_id": None, "similarity": None}
    return {"doc_id": verdict["doc_id"]} | kept | nothing_like_it


def _earlier_texts(config: DecisionConfig, folders: Folders) -> tuple[list[PassingDocument], dict[str, str]]:
    """The kept documents of earlier partitions that are not withdrawn, and {doc_id: text_hash} of all earlier ones."""
    texts, hashes = [], {}
    for partition, folder in folders.earlier.items():
        withdrawn = config.withdrawn.get(partition, {})
        documents = read_documents(folders.earlier_signals[partition] / "index.arrow").to_pylist()
        decisions = pq.read_table(folder / "decisions.parquet", columns=["doc_id", "kept", "cluster_id"]).to_pylist()
        for document, decision in zip(documents, decisions, strict=True):
            hashes[document["doc_id"]] = document["text_hash"]
            gone = withdrawn.get(document["source"], {})
            if decision["kept"] and not {document["uri"], file_of(document["uri"])} & gone.keys():
                texts.append(PassingDocument(document["doc_id"], document["text_hash"], decision["cluster_id"]))
    return texts, hashes


def _split(rows: list[dict], config: DecisionConfig, folders: Folders) -> By | None:
    """Adds the split to each row; returns the kind of group that it goes by."""
    earlier, members = _earlier_splits(folders), list[Member]()
    for row, document in zip(rows, read_documents(folders.signals / "index.arrow").to_pylist(), strict=True):
        row["split"] = UNSEEN if document["source"] in config.unseen else "train"
        if row["split"] != UNSEEN:
            members.append(Member(row["doc_id"], document["origin"] or row["doc_id"], row["cluster_id"], row["kept"]))
    if earlier is None and not any(member.kept for member in members):
        return None
    by = earlier.by if earlier else choose_by(members)
    splits = assign(members, by, config.split, earlier)
    for row in rows:
        row["split"] = splits.get(row["doc_id"], row["split"])
    return by


def _earlier_splits(folders: Folders) -> Earlier | None:
    """The splits of earlier partitions' documents; None where they kept nothing."""
    by: By | None = None
    splits = {}
    for partition, folder in folders.earlier.items():
        settled = json.loads((folder / "split.json").read_text())["by"]
        by = by or settled
        origins = read_documents(folders.earlier_signals[partition] / "index.arrow")["origin"].to_pylist()
        decisions = pq.read_table(folder / "decisions.parquet").to_pylist()
        for origin, row in zip(origins, decisions, strict=True):
            if row["kept"] and row["split"] != UNSEEN:
                splits.setdefault(f"origin {origin or row['doc_id']}", row["split"])
                splits.setdefault(f"cluster {row['cluster_id']}", row["split"])
    return Earlier(by, splits) if by else None
