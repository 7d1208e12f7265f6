"""What training saw and when: the order of batches read backwards, for all documents at once.

Steps are counted from 1, as in metrics.jsonl. A document is seen once for every drawn item that holds a token of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.batches import Batches
from model.objectives.table import KINDS
from model.order import BatchSlice, Order
from model.stream import Document

DRAWN_AT_ONCE = 1 << 22  # places


@dataclass(frozen=True)
class Replay:
    """A training run that is over, its batches known again."""

    batches: Batches
    steps: int

    def documents(self, step: int) -> list[Document]:
        """The documents in that step."""
        return self.batches.documents_of(step - 1)

    def steps_with(self, doc_id: str) -> list[int]:
        """The steps that saw a document, in order."""
        spans = self.batches.source.row_spans()
        rows = np.flatnonzero(
            pc.call_function("equal", [spans.doc_ids, pa.scalar(doc_id)]).to_numpy(zero_copy_only=False)
        )
        wanted = np.zeros(self.batches.source.items, dtype=bool)
        for row in rows.tolist():
            wanted[spans.first[row] : spans.last[row] + 1] = True
        steps = [places[wanted[items]] // self.batches.slice.batch + 1 for places, items in self._drawn()]
        return np.unique(np.concatenate(steps)).tolist() if rows.size else []

    def seen(self) -> pa.Table:
        """doc_id, first_step, times_seen of every document that was seen."""
        never = np.iinfo(np.int64).max
        first_place = np.full(self.batches.source.items, never, dtype=np.int64)
        times = np.zeros(self.batches.source.items, dtype=np.int64)
        for places, items in self._drawn():
            np.minimum.at(first_place, items, places)
            times += np.bincount(items, minlength=len(times))
        spans = self.batches.source.row_spans()
        holds = np.flatnonzero(spans.last >= spans.first)
        first, last = spans.first[holds], spans.last[holds]
        ends = np.concatenate([[0], np.cumsum(times)])
        edges = np.stack([first, last + 1], axis=1).ravel()
        earliest = np.minimum.reduceat(np.append(first_place, never), edges)[::2] if len(edges) else edges
        rows = pa.table(
            {
                "doc_id": spans.doc_ids.take(pa.array(holds)),
                "first_step": earliest // self.batches.slice.batch + 1,
                "times_seen": ends[last + 1] - ends[first],
            }
        )
        drawn = rows.filter(pc.call_function("greater", [rows["times_seen"], pa.scalar(0)]))
        named = drawn.group_by("doc_id", use_threads=False).aggregate([("first_step", "min"), ("times_seen", "sum")])
        return named.rename_columns(["doc_id", "first_step", "times_seen"]).sort_by(
            [("first_step", "ascending"), ("doc_id", "ascending")]
        )

    def _drawn(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(places, items) of the whole run, some at a time."""
        total = self.steps * self.batches.slice.batch
        for begin in range(0, total, DRAWN_AT_ONCE):
            places = np.arange(begin, min(total, begin + DRAWN_AT_ONCE), dtype=np.int64)
            yield places, self.batches.order.at(places)


def replay(data: Mapping[str, Any], files: Mapping[str, Path]) -> Replay:
    """The run that a data.json describes; `files` says where its shards (or its train.arrow) lie now."""
    source = KINDS[data["kind"]].reopen(data, files)
    if source.items != data["items"]:
        raise ValueError(f"these files make {source.items} items, and the record speaks of {data['items']}")
    return Replay(Batches(source, Order(source.items, data["seed"]), BatchSlice(data["batch"])), data["steps"])
