"""Planted dirt against what each detector found: duplicates, filters, the mask of personal data, ingest.

The truth is what `tasks/ingest/planting.py` wrote beside the documents; the page on a run draws what stands here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.store.step import Frozen

DUPLICATES = ("exact_duplicate", "near_duplicate")
TRUTH = "truth.parquet"

Row = Mapping[str, Any]


class Audit(Frozen):
    """The counts of one detector on the planted dirt."""

    detector: str
    planted: int
    found: int
    false_alarms: int  # what it took that was not planted
    kinds: dict[str, tuple[int, int]]  # kind and level → planted, found

    @property
    def counts(self) -> dict[str, float]:
        names = ("planted", "found", "false_alarms")
        return {f"{self.detector}_{name}": float(getattr(self, name)) for name in names}

    @property
    def sentence(self) -> str:
        by_kind = ", ".join(f"{kind} {hits}/{planted}" for kind, (planted, hits) in self.kinds.items())
        name = self.detector.replace("_", " ")
        return f"{name}: planted {self.planted}, found {self.found}, {self.false_alarms} false alarms ({by_kind})"


@dataclass(frozen=True)
class Detector:
    """A part of the pipeline that should find some kinds of dirt."""

    name: str
    kinds: tuple[str, ...]
    detects: Callable[[Row], bool]  # of a row of the truth
    false_alarms: int


def audit(documents: Path, decisions: pa.Table, masked: Mapping[str, set[str]]) -> list[Audit]:
    """The counts of each detector that has dirt planted for it.

    `documents` is ingest's folder; `masked` has the kinds of personal data that curation masks in a document.
    """
    decided = {row["doc_id"]: row for row in decisions.to_pylist()}
    truth = pq.read_table(documents / TRUTH).to_pylist()
    broken = [row for row in truth if row["kind"] == "broken"]
    planted = [row for row in truth if row["doc_id"] in decided]
    untouched = decided.keys() - {row["doc_id"] for row in planted} - {row["of"] for row in planted}
    detectors = [
        _decision_detector("exact_duplicates", ("exact_copy",), decided, untouched),
        _decision_detector("near_duplicates", ("near_copy", "truncation"), decided, untouched),
        _decision_detector("filters", ("boilerplate", "gibberish", "other_script"), decided, untouched),
        _mask_detector(masked, untouched),
        _ingest_detector(documents, broken, {row["doc_id"].partition("/")[0] for row in truth}),
    ]
    audits = (_audit(detector, [*planted, *broken]) for detector in detectors)
    return [row for row in audits if row.planted]


def _audit(detector: Detector, truth: Iterable[Row]) -> Audit:
    counts: dict[str, list[int]] = {}
    ours = [row for row in truth if row["kind"] in detector.kinds]
    for row in sorted(ours, key=lambda row: (detector.kinds.index(row["kind"]), row["level"] or 0)):
        level = f" {row['level']:g}" if row["level"] else ""
        count = counts.setdefault(f"{row['kind']}{level}", [0, 0])
        count[0] += 1
        count[1] += detector.detects(row)
    kinds = {kind: (planted, hits) for kind, (planted, hits) in counts.items()}
    return Audit(
        detector=detector.name,
        planted=len(ours),
        found=sum(hits for _, hits in kinds.values()),
        false_alarms=detector.false_alarms,
        kinds=kinds,
    )


def _decision_detector(name: str, kinds: tuple[str, ...], decided: Mapping[str, Row], untouched: set[str]) -> Detector:
    """Detects a copy where it and its original are not both kept; other dirt where it is not kept."""

    def detects(row: Row) -> bool:
        original = decided.get(row["of"])
        gone = not decided[row["doc_id"]]["kept"]
        return gone or (name != "filters" and original is not None and not original["kept"])

    def took(row: Row) -> bool:
        if name == "filters":
            return not row["kept"] and row["reason"] not in DUPLICATES
        return row["reason"] == name.removesuffix("s")

    return Detector(name, kinds, detects, sum(took(decided[doc_id]) for doc_id in untouched))


def _mask_detector(masked: Mapping[str, set[str]], untouched: set[str]) -> Detector:
    """Detects made-up personal data where something of its kind is masked in the document."""

    def detects(row: Row) -> bool:
        return any(row["detail"].startswith(kind) for kind in masked.get(row["doc_id"], ()))  # ipv4 is masked as ip

    return Detector("personal_data", ("pii",), detects, len(masked.keys() & untouched))


def _ingest_detector(documents: Path, broken: list[Row], sources: set[str]) -> Detector:
    """Detects a broken record where it is in the quarantine."""
    columns = pq.read_table(documents / "quarantine.parquet", columns=["source", "uri", "position"]).to_pylist()
    refused = {f"{row['source']}/{row['uri']}#{row['position']}" for row in columns if row["source"] in sources}
    return Detector(
        "broken_records",
        ("broken",),
        lambda row: row["doc_id"] in refused,
        len(refused - {row["doc_id"] for row in broken}),
    )
