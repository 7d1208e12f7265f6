"""What a person should hear of a decision: rules that drop much alone, nothing left, the planted dirt's fate."""

from collections import Counter

import pyarrow as pa

from tasks.curate.config import DecideConfig
from tasks.curate.decide import Decided
from tasks.curate.rules import SETTINGS, loosening
from tasks.curate.split import FEWEST_ORIGINS
from tasks.errors import UserError
from tasks.step import Frozen

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


def notes(decided: Decided, config: DecideConfig, is_first: bool) -> tuple[str, ...]:
    """Warnings on the decision; a UserError where it leaves a first partition with nothing."""
    read = decided.table.num_rows
    if is_first and decided.kept == 0:
        raise _nothing_left(decided, read)
    said = []
    alone = Counter(reasons[0] for reasons in decided.table["reasons"].to_pylist() if len(reasons) == 1)
    for reason, count in alone.most_common():
        if reason not in DUPLICATES and count > config.warn_share * read:
            cure = f"; to switch it off: {loosening([reason])}" if reason in SETTINGS else ""
            said.append(f"{reason} alone drops {count:,} of {read:,} documents ({count / read:.0%}){cure}")
    if is_first and decided.by == "cluster":
        said.append(
            f"fewer than {FEWEST_ORIGINS} source texts: the split goes by document and its near-duplicates, so parts "
            "of one source text may be in training and in validation"
        )
    return tuple(said)


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
