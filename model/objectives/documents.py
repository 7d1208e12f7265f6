"""Every token of a text, given the tokens before it: pretraining, and more training of given weights.

b batch · t position · d width
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field

from model.batches import IGNORE, Dataset, RowSpan, TokenBatch
from model.cross_entropy import cross_entropy
from model.decoder import Decoder
from model.objectives.objective import LossSums, Objective, TrainingData
from model.spec import Spec
from model.stream import Document, TokenStream, open_shards


class DocumentShards(TrainingData):
    """Token shards by name, in reading order."""

    kind: Literal["documents"] = "documents"
    train: dict[str, Path]
    validation: dict[str, Path]
    validation_bytes: int = Field(ge=1)  # UTF-8 bytes of the validation documents, for bits per byte

    def datasets(self, context: int) -> tuple["TokenBlocks", "TokenBlocks"]:
        train, validation = (TokenStream(open_shards(files), self.separator) for files in (self.train, self.validation))
        return TokenBlocks(train, context), TokenBlocks(validation, context)

    def network(self, decoder: Decoder, spec: Spec) -> tuple[Decoder, "NextToken"]:
        return decoder, NextToken(decoder)

    def further_metrics(self, means: Mapping[str, float], validation: Dataset) -> dict[str, float]:
        tokens_per_byte = validation.targets / self.validation_bytes
        return {"bits_per_byte": means["loss"] * tokens_per_byte / math.log(2)}

    @classmethod
    def reopen(cls, described: Mapping[str, Any], files: Mapping[str, Path]) -> "TokenBlocks":
        shards = open_shards({shard["name"]: files[shard["name"]] for shard in described["shards"]})
        return TokenBlocks(TokenStream(shards, described["separator"]), described["context"])


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

    def row_spans(self) -> RowSpan:
        stream, context = self.stream, self.context
        begin, end = stream.separators[:-1] + 1, stream.separators[1:] - 1  # first and last id of each document
        first = np.maximum(-(-(begin - context) // context), 0)  # block i reads ids i·context … + context
        last = np.minimum(end // context, self.items - 1)
        return RowSpan(stream.doc_ids(), first, np.where(end >= begin, last, -1))

    def description(self) -> dict[str, Any]:
        return {"separator": self.stream.separator, "shards": [shard.summary() for shard in self.stream.shards]}


class NextToken(Objective):
    """Nats of each target given the tokens before it; targets that are IGNORE count nothing (a prompt, padding)."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, batch: TokenBatch) -> LossSums:
        x_btd = self.decoder(batch.tokens_bt, batch.positions_bt, batch.mask_b1tt)
        loss = cross_entropy(x_btd, self.decoder.head_weight_vd, batch.targets_bt, self.decoder.shape.logits_cap)
        return LossSums(loss, (batch.targets_bt != IGNORE).sum(), {})
