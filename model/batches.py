"""Batches by arithmetic: batch n of rank r of R follows from (seed, n, r, R) and the files, never from an iterator.

Four kinds of items, one order: blocks of a token stream (pretraining), packs of conversations (instruct), labelled
texts (classify) and pairs of answers (prefer). What comes out is a frozen batch of tensors that only its objective
looks into.

b batch · t position
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from model.attention import document_mask
from model.order import BatchSlice, Order
from model.stream import Document, TokenStream, as_numpy

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
class LabelledBatch(Batch):
    lengths_b: Tensor  # int64
    labels_b: Tensor  # int64


@dataclass(frozen=True)
class PairBatch(Batch):
    """Rows 0 … n-1 are the chosen answers of n prompts, rows n … 2n-1 the rejected ones, in the same order."""

    targets_bt: Tensor  # int64; IGNORE on the prompt and on padding


class Dataset(Protocol):
    """Items that can be looked up in any order."""

    items: int
    targets: int  # tokens or texts that one epoch counts

    def batch(self, items: np.ndarray) -> Batch: ...

    def documents(self, items: np.ndarray) -> list[Document]: ...


class TokenBlocks:
    """The stream cut into windows of `context` targets: in one epoch every token is a target exactly once."""

    def __init__(self, stream: TokenStream, context: int) -> None:
        self.stream, self.context = stream, context
        self.targets = len(stream) - 1  # every id but the first separator
        self.items = -(-self.targets // context)

    def batch(self, items: np.ndarray) -> TokenBatch:
        read = [self.stream.read(item * self.context, self.context + 1) for item in items.tolist()]
        ids_bt = torch.from_numpy(np.stack(read).astype(np.int64))
        tokens_bt, targets_bt = ids_bt[:, :-1].clone(), ids_bt[:, 1:].clone()  # of one row, contiguous() is a view
        last = self.items - 1  # may be short, and several times in a batch that goes through the stream more than once
        targets_bt[items == last, self.targets - last * self.context :] = IGNORE
        return TokenBatch(tokens_bt, targets_bt)

    def documents(self, items: np.ndarray) -> list[Document]:
        windows = ((item * self.context, self.context + 1) for item in items.tolist())
        return [document for window in windows for document in self.stream.documents_in(*window)]


class Conversations:
    """Rows of ids and targets, several to a sequence, none seeing another (Arrow stream: ids, is_target, doc_id)."""

    def __init__(self, path: Path, context: int) -> None:
        self.name, self.context, self.table = path.name, context, read_rows(path)
        self.ids = [ids[:context] for ids in ragged(self.table["ids"])]
        self.is_target = [flags[:context] for flags in ragged(self.table["is_target"])]
        self.packs = pack([len(ids) for ids in self.ids], context)
        self.items = len(self.packs)
        self.targets = sum(int(flags[1:].sum()) for flags in self.is_target)

    def batch(self, items: np.ndarray) -> TokenBatch:
        shape = (len(items), self.context)
        tokens_bt, targets_bt = np.full(shape, PAD), np.full(shape, IGNORE)
        positions_bt, row_bt = np.zeros(shape, dtype=np.int64), np.full(shape, -1)
        for b, item in enumerate(items.tolist()):
            at = 0
            for number, row in enumerate(self.packs[item]):
                ids, length = self.ids[row].astype(np.int64), len(self.ids[row])
                here = slice(at, at + length)
                tokens_bt[b, here], positions_bt[b, here], row_bt[b, here] = ids, np.arange(length), number
                foretold = np.where(self.is_target[row][1:], ids[1:], IGNORE)  # position i foretells ids[i + 1]
                targets_bt[b, at : at + length - 1] = foretold
                at += length
        mask_b1tt = document_mask(torch.from_numpy(row_bt))
        tokens, targets, positions = (torch.from_numpy(x) for x in (tokens_bt, targets_bt, positions_bt))
        return TokenBatch(tokens, targets, positions, mask_b1tt)

    def documents(self, items: np.ndarray) -> list[Document]:
        return [_row(self.name, self.table, row) for item in items.tolist() for row in self.packs[item]]


class Labelled:
    """Texts with a class each, padded to the longest of the batch (Arrow stream: ids, label, doc_id)."""

    def __init__(self, path: Path, context: int) -> None:
        self.name, self.table = path.name, read_rows(path)
        self.ids = [ids[:context] for ids in ragged(self.table["ids"])]
        self.labels = as_numpy(self.table["label"].combine_chunks()).astype(np.int64)
        self.items = self.targets = len(self.ids)

    def batch(self, items: np.ndarray) -> LabelledBatch:
        rows = [self.ids[item] for item in items.tolist()]
        lengths_b = np.array([len(ids) for ids in rows], dtype=np.int64)
        tokens_bt = np.full((len(rows), max(1, int(lengths_b.max()))), PAD)
        for b, ids in enumerate(rows):
            tokens_bt[b, : len(ids)] = ids
        return LabelledBatch(*(torch.from_numpy(x) for x in (tokens_bt, lengths_b, self.labels[items])))

    def documents(self, items: np.ndarray) -> list[Document]:
        return [_row(self.name, self.table, item) for item in items.tolist()]


class Preferences:
    """Pairs of answers to one prompt, padded to the longest (Arrow stream: chosen, rejected and their targets)."""

    def __init__(self, path: Path, context: int) -> None:
        self.name, self.context, self.table = path.name, context, read_rows(path)
        self.sides = [
            (ragged(self.table[side]), ragged(self.table[f"{side}_is_target"])) for side in ("chosen", "rejected")
        ]
        self.items = self.targets = self.table.num_rows

    def batch(self, items: np.ndarray) -> PairBatch:
        rows = [
            (ids[item][: self.context], is_target[item][: self.context])
            for ids, is_target in self.sides
            for item in items.tolist()
        ]
        shape = (len(rows), max(len(ids) for ids, _ in rows))
        tokens_bt, targets_bt = np.full(shape, PAD), np.full(shape, IGNORE)
        for b, (ids, is_target) in enumerate(rows):
            tokens_bt[b, : len(ids)] = ids
            targets_bt[b, : len(ids) - 1] = np.where(is_target[1:], ids[1:].astype(np.int64), IGNORE)
        return PairBatch(torch.from_numpy(tokens_bt), torch.from_numpy(targets_bt))

    def documents(self, items: np.ndarray) -> list[Document]:
        return [_row(self.name, self.table, item) for item in items.tolist()]


@dataclass
class Batches:
    """`batches(step, part)` is this rank's micro-batch; `documents_of(step)` says what the whole step saw."""

    source: Dataset
    order: Order
    share: BatchSlice
    tokens: int = 0  # given out so far, padding included: what the network computes on

    def __call__(self, step: int, part: int) -> Batch:
        batch = self.source.batch(self.items_of(step, part))
        self.tokens += batch.tokens_bt.numel()
        return batch

    def items_of(self, step: int, part: int) -> np.ndarray:
        return self.order.at(self.share.places(step, part))

    def documents_of(self, step: int) -> list[Document]:
        """The documents in step `step` (from 0) over all ranks, in order and each once."""
        whole = BatchSlice(self.share.batch).places(step, part=0)
        return list(dict.fromkeys(self.source.documents(self.order.at(whole))))


def pack(lengths: Sequence[int], context: int) -> list[list[int]]:
    """Row numbers by sequence, each row in one sequence and no sequence longer than `context`.

    Best-fit decreasing (Ding et al. 2024, arXiv 2404.10830): rows from the longest on, each into the fullest sequence
    that still holds it; ties by row number, so that equal lengths give equal packs.
    """
    packs: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens left, pack), sorted
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        length = lengths[row]
        if length > context:
            raise ValueError(f"row {row} has {length} tokens, more than a sequence of {context} holds")
        place = bisect_left(room, (length, -1))
        if place < len(room):
            left, number = room.pop(place)
            packs[number].append(row)
        else:
            left, number = context, len(packs)
            packs.append([row])
        insort(room, (left - length, number))
    return packs


def read_rows(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def ragged(column: pa.ChunkedArray) -> Sequence[np.ndarray]:
    """A list column as one array a row."""
    return [as_numpy(row.values) for chunk in column.chunks for row in chunk]


def _row(shard: str, table: pa.Table, row: int) -> Document:
    doc_id = table["doc_id"][row].as_py() if "doc_id" in table.column_names else ""
    return Document(shard, row, doc_id)
