"""Warnings about a decision: a rule that drops much alone, a split by documents, no document left."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.curate.audit import DUPLICATES
from tasks.curate.config import DecisionConfig
from tasks.curate.decide import Decisions
from tasks.curate.rules import loosening
from tasks.curate.split import MIN_ORIGINS
from tasks.errors import UserError
from tasks.privacy import opening

EXAMPLES = 5  # of what a rule drops
OPENING_CHARACTERS = 100
EXACT = "exact_duplicate"  # no rule is too strict where it drops these
MAX_DROP_SHARE = 0.5  # of the documents: a larger share is reported whatever the rules


def notes(decisions: Decisions, config: DecisionConfig, is_first: bool, documents: Path) -> tuple[str, ...]:
    """Warnings on the decision, with examples; a UserError where it leaves a first partition with nothing."""
    read = decisions.table.num_rows
    if is_first and decisions.kept == 0:
        raise _nothing_left(decisions, read)
    sentences = []
    alone: dict[str, list[str]] = {}
    for row in decisions.table.select(["doc_id", "reasons"]).to_pylist():
        if len(row["reasons"]) == 1:
            alone.setdefault(row["reasons"][0], []).append(row["doc_id"])
    for reason, ids in sorted(alone.items(), key=lambda item: -len(item[1])):
        if reason != EXACT and len(ids) > config.warn_share * read:
            sentences.append(
                f"{reason} alone drops {len(ids):,} of {read:,} documents ({len(ids) / read:.0%}){_flags([reason])}"
            )
            chosen = [ids[i * len(ids) // EXAMPLES] for i in range(min(EXAMPLES, len(ids)))]
            sentences += [
                f"  for example {doc_id}: {beginning}" for doc_id, beginning in openings(documents, chosen).items()
            ]
    dropped = {reason: count for reason, count in decisions.dropped.items() if reason not in DUPLICATES}
    if (gone := sum(dropped.values())) > MAX_DROP_SHARE * read:
        top = list(dropped)[:3]
        sentences.append(f"the rules drop {gone / read:.0%} of the documents, most by {', '.join(top)}{_flags(top)}")
    if (copies := decisions.dropped.get(EXACT, 0)) > MAX_DROP_SHARE * read:
        sentences.append(f"{copies / read:.0%} of the documents are exact copies of another one")
    if is_first and decisions.by == "cluster":
        sentences.append(
            f"fewer than {MIN_ORIGINS} source texts: the split goes by document and its near-duplicates, so parts "
            "of one source text may be in training and in validation"
        )
    return tuple(sentences)


def _flags(reasons: list[str]) -> str:
    return f"; to switch off: {flags}" if (flags := loosening(reasons)) else ""


def openings(documents: Path, ids: Iterable[str]) -> dict[str, str]:
    """{doc_id: the beginning of its text} on one line, personal data masked."""
    wanted, openings_by_id = frozenset(ids), dict[str, str]()
    for path in sorted((documents / "documents").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(4096, columns=["doc_id", "text"]):
            for row in batch.filter(pa.array([i in wanted for i in batch["doc_id"].to_pylist()])).to_pylist():
                beginning = opening(row["text"], OPENING_CHARACTERS)
                openings_by_id[row["doc_id"]] = beginning + ("…" if len(row["text"]) > OPENING_CHARACTERS else "")
    return openings_by_id


def with_decisions(error: UserError, table: pa.Table, path: Path) -> UserError:
    """The error of a decision that cannot be used, with what each rule dropped and the file of all decisions."""
    counts = Counter(reason for reason in table["reason"].to_pylist() if reason).most_common(3)
    dropped = f" ({', '.join(f'{reason} drops {count:,}' for reason, count in counts)})" if counts else ""
    flags = loosening(reason for reason, _ in counts)
    switch = f"; {flags} would drop fewer" if flags and flags not in error.cure else ""
    return UserError(f"{error.what}{dropped}", f"{error.cure}{switch}; each document's reasons are in {path}")


def _nothing_left(decisions: Decisions, read: int) -> UserError:
    if read == 0:
        return UserError("curate: no document was read", "give a folder with text; `triptych sql quarantine` may help")
    top = list(decisions.dropped.items())[:3]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in top)
    return UserError(
        f"curate: all {read:,} documents were dropped: {reasons}",
        f"loosen these rules: {loosening(reason for reason, _ in top)}" if loosening(r for r, _ in top) else "add text",
    )
