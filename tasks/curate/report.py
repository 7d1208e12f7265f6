"""What a person should hear of a decision: rules that drop much alone, a split by documents, nothing left."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.curate.audit import DUPLICATES
from tasks.curate.config import DecisionConfig
from tasks.curate.decide import Decided
from tasks.curate.rules import loosening
from tasks.curate.split import FEWEST_ORIGINS
from tasks.errors import UserError
from tasks.privacy import mask

EXAMPLES = 5  # of what a rule drops
OPENING_CHARACTERS = 100
MOST_DROPPED = 0.5  # of the documents: more is told whatever the rules


def notes(decided: Decided, config: DecisionConfig, is_first: bool, documents: Path) -> tuple[str, ...]:
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


def _nothing_left(decided: Decided, read: int) -> UserError:
    if read == 0:
        return UserError("curate: no document was read", "give a folder with text; `triptych sql quarantine` may help")
    top = list(decided.dropped.items())[:3]
    told = ", ".join(f"{reason} {count:,}" for reason, count in top)
    return UserError(
        f"curate: all {read:,} documents were dropped: {told}",
        f"loosen these rules: {loosening(reason for reason, _ in top)}" if loosening(r for r, _ in top) else "add text",
    )
