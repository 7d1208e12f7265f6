"""The assistant's tokens of conversations, several conversations in one sequence: instruction tuning.

b batch · t position
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from model.attention import document_mask
from model.batches import IGNORE, PAD, RowDataset, RowSpan, TokenBatch, next_targets, ragged
from model.decoder import Decoder
from model.objectives.documents import NextToken
from model.objectives.objective import RowData
from model.spec import Spec
from model.stream import Document


class Conversations(RowDataset):
    """Rows of ids and targets, several to a sequence, none seeing another (Arrow stream: ids, is_target, doc_id)."""

    def __init__(self, path: Path, context: int) -> None:
        super().__init__(path, context)
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
                ids, length = self.ids[row], len(self.ids[row])
                here = slice(at, at + length)
                tokens_bt[b, here], positions_bt[b, here], row_bt[b, here] = ids, np.arange(length), number
                targets_bt[b, at : at + length - 1] = next_targets(ids, self.is_target[row])
                at += length
        mask_b1tt = document_mask(torch.from_numpy(row_bt))
        tokens, targets, positions = (torch.from_numpy(x) for x in (tokens_bt, targets_bt, positions_bt))
        return TokenBatch(tokens, targets, positions, mask_b1tt)

    def documents(self, items: np.ndarray) -> list[Document]:
        return [self.document(row) for item in items.tolist() for row in self.packs[item]]

    def row_spans(self) -> RowSpan:
        item = np.full(len(self.ids), -1, dtype=np.int64)
        for number, rows in enumerate(self.packs):
            item[rows] = number
        return RowSpan(self.doc_ids(), np.maximum(item, 0), item)


class ConversationTokens(RowData):
    """Arrow IPC streams of ids (list), is_target (list of bool) and doc_id: only targets are predicted."""

    kind: Literal["conversations"] = "conversations"
    rows: ClassVar[type[RowDataset]] = Conversations

    def network(self, decoder: Decoder, spec: Spec) -> tuple[Decoder, NextToken]:
        return decoder, NextToken(decoder)


def pack(lengths: Sequence[int], context: int) -> list[list[int]]:
    """Row numbers by sequence, each row in one sequence and no sequence longer than `context`.

    Best-fit decreasing (Ding et al. 2024, arXiv 2404.10830): rows from the longest on, each into the fullest sequence
    that still holds it; ties by row number, so that equal lengths give equal packs.
    """
    packs: list[list[int]] = []
    free: list[tuple[int, int]] = []  # (tokens left, pack), sorted
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        length = lengths[row]
        if length > context:
            raise ValueError(f"row {row} has {length} tokens, more than a sequence of {context} holds")
        place = bisect_left(free, (length, -1))
        if place < len(free):
            left, number = free.pop(place)
            packs[number].append(row)
        else:
            left, number = context, len(packs)
            packs.append([row])
        insort(free, (left - length, number))
    return packs
