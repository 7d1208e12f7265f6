"""Batches by arithmetic: batch n of rank r of R follows from (seed, n, r, R) and the files, never from an iterator.

Every objective reads items of its own kind (model/objectives/), all in one order. What comes out is a frozen batch of
tensors that only its objective looks into.

b batch · t position
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from model.order import BatchSlice, Order
from model.stream import Document, as_numpy

IGNORE = -100  # a target that no loss counts: torch's and transformers' convention
PAD = 1  # any id would do: no loss sees it, and no token before it does


@dataclass(frozen=True)
class Batch:
    tokens_bt: Tensor  # int64, padded on the right where rows differ in length

    def to(self, device: torch.device) -> Self:
        """The same batch on a device; a GPU's copy does not wait."""
        if device.type == "cpu":
            return self
        moved = {field.name: getattr(self, field.name) for field in fields(self)}
        copies: dict[str, Any] = {
            name: x if x is None else x.to(device, non_blocking=True) for name, x in moved.items()
        }
        return type(self)(**copies)


@dataclass(frozen=True)
class TokenBatch(Batch):
    targets_bt: Tensor  # int64; IGNORE where no loss is counted
    positions_bt: Tensor | None = None
    mask_b1tt: Tensor | None = None  # True: may attend


@dataclass(frozen=True)
class RowSpan:
    """Where rows stand: row r of `doc_ids` in the items first[r] … last[r] (none where last < first)."""

    doc_ids: pa.Array
    first: np.ndarray
    last: np.ndarray


class Dataset(Protocol):
    """Items that can be looked up in any order."""

    items: int
    targets: int  # tokens or texts that one epoch counts

    def batch(self, items: np.ndarray) -> Batch: ...

    def documents(self, items: np.ndarray) -> list[Document]: ...

    def row_spans(self) -> RowSpan: ...

    def description(self) -> dict[str, Any]:
        """What data.json says of the files, so that they can be opened again."""
        ...


class RowDataset(ABC):
    """Rows of an Arrow IPC stream with a column doc_id; a row is an item, where a subclass does not say otherwise."""

    def __init__(self, path: Path, context: int) -> None:
        self.name, self.context, self.table = path.name, context, read_rows(path)
        self.items = self.targets = self.table.num_rows

    @abstractmethod
    def batch(self, items: np.ndarray) -> Batch: ...

    def documents(self, items: np.ndarray) -> list[Document]:
        return [self.document(item) for item in items.tolist()]

    def row_spans(self) -> RowSpan:
        item = np.arange(self.items)
        return RowSpan(self.doc_ids(), item, item)

    def description(self) -> dict[str, Any]:
        return {}

    def document(self, row: int) -> Document:
        return Document(
            self.name, row, self.table["doc_id"][row].as_py() if "doc_id" in self.table.column_names else ""
        )

    def doc_ids(self) -> pa.Array:
        return pa.concat_arrays([chunk.cast(pa.string()) for chunk in self.table["doc_id"].chunks])


@dataclass
class Batches:
    """`batches(step, micro_batch)` holds this rank's items; `documents_of(step)` says what the whole step saw."""

    source: Dataset
    order: Order
    slice: BatchSlice
    tokens: int = 0  # given out so far, padding included: what the network computes on

    def __call__(self, step: int, micro_batch: int) -> Batch:
        batch = self.source.batch(self.items_of(step, micro_batch))
        self.tokens += batch.tokens_bt.numel()
        return batch

    def items_of(self, step: int, micro_batch: int) -> np.ndarray:
        return self.order.at(self.slice.places(step, micro_batch))

    def documents_of(self, step: int) -> list[Document]:
        """The documents in step `step` (from 0) over all ranks, in order and each once."""
        whole = BatchSlice(self.slice.batch).places(step, 0)
        return list(dict.fromkeys(self.source.documents(self.order.at(whole))))


def read_rows(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def ragged(column: pa.ChunkedArray) -> Sequence[np.ndarray]:
    """A list column as one array a row."""
    return [as_numpy(row.values) for chunk in column.chunks for row in chunk]


def next_targets(ids: np.ndarray, is_target: np.ndarray) -> np.ndarray:
    """For each id but the last the one after it, where that is a target; else IGNORE."""
    return np.where(is_target[1:], ids[1:].astype(np.int64), IGNORE)


def pad(rows: Sequence[np.ndarray], fill: int = PAD, spare: int = 0) -> Tensor:
    """int64 (b,t): rows filled on the right to the longest of them and `spare` more."""
    padded_bt = np.full((len(rows), max(1, max(len(row) for row in rows) + spare)), fill)
    for b, row in enumerate(rows):
        padded_bt[b, : len(row)] = row
    return torch.from_numpy(padded_bt)
