"""What a person should hear of a decision: rules that drop much alone, nothing left, the planted dirt's fate."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.curate.config import DecideConfig
from tasks.curate.decide import Decided
from tasks.curate.rules import loosening
from tasks.curate.split import FEWEST_ORIGINS
from tasks.errors import UserError
from tasks.privacy import mask
from tasks.step import Frozen

EXAMPLES = 5  # of what a rule drops
OPENING_CHARACTERS = 100
MOST_DROPPED = 0.5  # of the documents: more is told whatever the rules
DUPLICATES = ("exact_duplicate", "near_duplicate")
PLANTED_AS = {  # detector → kinds of planted dirt that it should find
    "exact_duplicates": ("exact_copy",),
    "near_duplicates": ("near_copy", "truncation"),
    "filters": ("boilerplate", "gibberish", "other_script"),
}


class Audit(Frozen):
    """How one detector did on the planted dirt."""

    detector: str
    planted: int
    found: int
    false_alarms: int  # documents it dropped that were not planted
    kinds: dict[str, tuple[int, int]]  # kind and level → planted, found

    @property
    def counts(self) -> dict[str, float]:
        names = ("planted", "found", "false_alarms")
        return {f"{self.detector}_{name}": float(getattr(self, name)) for name in names}

    @property
    def sentence(self) -> str:
        by_kind = ", ".join(f"{kind} {found}/{planted}" for kind, (planted, found) in self.kinds.items())
        name = self.detector.replace("_", " ")
        return f"{name}: planted {self.planted}, found {self.found}, {self.false_alarms} false alarms ({by_kind})"


def notes(decided: Decided, config: DecideConfig, is_first: bool, documents: Path) -> tuple[str, ...]:
    """Warnings on the decision, with examples; a UserError where it leaves a first partition with nothing."""
    read = decided.table.num_rows
    if is_first and decided.kept == 0:
        raise _nothing_left(decided, read)
    said = []
    alone: dict[str, list[str]] = {}
    for row in decided.table.select(["doc_id", "reasons"]).to_pylist():
        if len(row["reasons"]) == 1:
            alone.setdefault(row["reasons"][0], []).append(row["doc_id"])
    for reason, ids in sorted(alone.items(), key=lambda item: -len(item[1])):
        if reason not in DUPLICATES and len(ids) > config.warn_share * read:
            said.append(
                f"{reason} alone drops {len(ids):,} of {read:,} documents ({len(ids) / read:.0%}){_cure([reason])}"
            )
            chosen = [ids[i * len(ids) // EXAMPLES] for i in range(min(EXAMPLES, len(ids)))]
            said += [f"  for example {doc_id}: {opening}" for doc_id, opening in openings(documents, chosen).items()]
    dropped = {reason: count for reason, count in decided.dropped.items() if reason not in DUPLICATES}
    if (gone := sum(dropped.values())) > MOST_DROPPED * read:
        top = list(dropped)[:3]
        said.append(f"the rules drop {gone / read:.0%} of the documents, most by {', '.join(top)}{_cure(top)}")
    if is_first and decided.by == "cluster":
        said.append(
            f"fewer than {FEWEST_ORIGINS} source texts: the split goes by document and its near-duplicates, so parts "
            "of one source text may be in training and in validation"
        )
    return tuple(said)


def _cure(reasons: list[str]) -> str:
    return f"; to switch off: {flags}" if (flags := loosening(reasons)) else ""


def openings(documents: Path, ids: Iterable[str]) -> dict[str, str]:
    """How the texts of these documents begin, on one line, personal data masked."""
    wanted, found = frozenset(ids), dict[str, str]()
    for path in sorted((documents / "documents").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(4096, columns=["doc_id", "text"]):
            for row in batch.filter(pa.array([i in wanted for i in batch["doc_id"].to_pylist()])).to_pylist():
                line = " ".join(mask(row["text"][: 2 * OPENING_CHARACTERS])[0].split())
                found[row["doc_id"]] = line[:OPENING_CHARACTERS] + ("…" if len(line) > OPENING_CHARACTERS else "")
    return found


def audit(truth: pa.Table, decisions: pa.Table) -> list[Audit]:
    """By detector, what was planted for it and what became of it.

    A copy is found when it and its original are not both kept; other dirt when it is not kept.
    """
    decided = {row["doc_id"]: row for row in decisions.to_pylist()}
    planted = [row for row in truth.to_pylist() if row["doc_id"] in decided]
    touched = {row["doc_id"] for row in planted} | {row["of"] for row in planted}
    rows = []
    for detector, kinds in PLANTED_AS.items():
        ours = [row for row in planted if row["kind"] in kinds]
        counts: dict[str, list[int]] = {}
        for row in sorted(ours, key=lambda row: (kinds.index(row["kind"]), row["level"] or 0)):
            level = f" {row['level']:g}" if row["level"] else ""
            count = counts.setdefault(f"{row['kind']}{level}", [0, 0])
            count[0] += 1
            count[1] += _is_found(row, decided, detector)
        alarms = [row for row in decided.values() if row["doc_id"] not in touched and _dropped_by(row, detector)]
        rows.append(
            Audit(
                detector=detector,
                planted=len(ours),
                found=sum(found for _, found in counts.values()),
                false_alarms=len(alarms),
                kinds={kind: (planted, found) for kind, (planted, found) in counts.items()},
            )
        )
    return [row for row in rows if row.planted]


def _is_found(row: dict, decided: dict[str, dict], detector: str) -> bool:
    gone = not decided[row["doc_id"]]["kept"]
    original = decided.get(row["of"])
    return gone or (detector != "filters" and original is not None and not original["kept"])


def _dropped_by(row: dict, detector: str) -> bool:
    if detector == "filters":
        return not row["kept"] and row["reason"] not in DUPLICATES
    return row["reason"] == detector.removesuffix("s")


def _nothing_left(decided: Decided, read: int) -> UserError:
    if read == 0:
        return UserError("curate: no document was read", "give a folder with text; `triptych sql quarantine` may help")
    top = list(decided.dropped.items())[:3]
    told = ", ".join(f"{reason} {count:,}" for reason, count in top)
    return UserError(
        f"curate: all {read:,} documents were dropped: {told}",
        f"loosen these rules: {loosening(reason for reason, _ in top)}" if loosening(r for r, _ in top) else "add text",
    )
