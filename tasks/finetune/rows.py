"""From rows to splits: where derived rows come from, which rows are taken, and the dataset of each split.

Derived rows keep the split that curation gave their document (by near-duplicate cluster and source text). Which rows
are taken, and their order, follow from a hash of the document's id and the seed alone.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.finetune.columns import Documents, documents
from tasks.finetune.own_rows import SPLITS, Row
from tasks.finetune.placement import place_beside_documents
from tasks.finetune.templates import PIECE_CHARACTERS
from tasks.privacy import are_masked, mask

if TYPE_CHECKING:
    from datasets import DatasetDict, Features

MaxPieceChars = Callable[[str], int]  # how long a piece of this text may be, so that it fits the model


def any_model(text: str) -> int:
    """The limit where it is not known which model will read the rows."""
    return PIECE_CHARACTERS


@dataclass(frozen=True)
class RowSource:
    """What rows are derived from: the folders of kept texts and of shards by partition, and how long pieces may be."""

    texts: Mapping[str, Path] = field(default_factory=dict)
    shards: Mapping[str, Path] = field(default_factory=dict)
    max_piece_chars: MaxPieceChars = any_model

    def documents(self) -> Documents:
        return documents(self.texts, self.shards)

    def own(self, rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
        """The user's own rows as they are taught: masked, those whose answer a document has in its split; and notes."""
        return place_beside_documents(self.masked(rows), self.texts)

    def masked(self, rows: Sequence[Row]) -> list[Row]:
        """The user's own rows, with personal data masked unless curation left it in the documents."""
        is_masking = are_masked(folder / "texts.parquet" for folder in self.texts.values())
        return [_masked(row) for row in rows] if is_masking else list(rows)


def first_by_hash(rows: Sequence[Row], max_rows: int, seed: int, group: tuple[str, ...]) -> list[Row]:
    """At most `max_rows` of each group, in the order of their hash."""
    taken: Counter[tuple[str, ...]] = Counter()
    kept = []
    for row in sorted(rows, key=lambda row: hashlib.sha256(f"{seed} {row['doc_id']}".encode()).digest()):
        of = tuple(row[name] for name in group)
        taken[of] += 1
        if taken[of] <= max_rows:
            kept.append(row)
    return kept


def as_splits(rows: Sequence[Row], features: "Features", table: str) -> "DatasetDict":
    """A dataset of each split; UserError that names the recipe's `table` where a split has no row."""
    from datasets import Dataset, DatasetDict, NamedSplit

    empty = [split for split in SPLITS if not any(row["split"] == split for row in rows)]
    if empty:
        cure = "give curate more to hold out (its split shares), or widen what the recipe asks of a document"
        raise UserError(f"[{table}]: no row falls into the split {' nor '.join(empty)}", cure)
    datasets = {}
    for split in SPLITS:
        columns = {name: [row[name] for row in rows if row["split"] == split] for name in features}
        datasets[split] = Dataset.from_dict(columns, features=features, split=NamedSplit(split))
    return DatasetDict(datasets)


def _masked(row: Row) -> Row:
    turns = [{**turn, "content": mask(turn["content"])[0]} for turn in row.get("messages", [])]
    texts = {name: mask(row[name])[0] for name in ("text", "prompt", "response", "rejected") if name in row}
    return row | texts | ({"messages": turns} if turns else {})
