"""Records of a sample that cannot be read: how many for each reason, and how much of the folder may be like them."""

import math
from collections import Counter
from dataclasses import dataclass, field

from tasks.ingest.readers import BadRecord, Repair, without_numbers

CERTAINTY = 3.6  # standard errors: the share in the folder is hardly ever further from that in the sample


@dataclass
class BadRecords:
    """Counts by reason; reasons that differ in their numbers alone count as one, and are shown as the first of them."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    ignored: int = 0  # no records for training, and never a reason to stop a run
    repairs: Counter[str] = field(default_factory=Counter)  # what was changed in texts that were kept
    lost_bytes: int = 0  # of files, behind a record from which on they cannot be read

    def add(self, record: BadRecord | Repair) -> None:
        if isinstance(record, BadRecord):
            self.add_reason(record.reason)
            self.ignored += record.is_ignored
            self.lost_bytes += record.lost_bytes
        else:
            self.repairs[record.what] += record.count

    def add_reason(self, reason: str) -> None:
        kind = without_numbers(reason)
        self.counts[kind] += 1
        self.first.setdefault(kind, reason)

    def by_reason(self) -> dict[str, int]:
        """The count for each reason, the commonest first."""
        return {self.first[kind]: count for kind, count in self.counts.most_common()}

    def likely_share(self, documents: int, read_bytes: float) -> float:
        """The share of records, or of bytes where it is larger, that is hardly exceeded in the whole folder."""
        bad = self.counts.total() - self.ignored
        count = max(1, bad + documents)
        share = max(bad / count, min(1.0, self.lost_bytes / max(1.0, read_bytes)))
        return min(1.0, share + CERTAINTY * math.sqrt(share * (1 - share) / count))
