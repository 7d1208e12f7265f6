"""Answers to prompts, and how probable they are: to the network that learns, and to the reference it began as.

b batch · t position · d width · v vocabulary · n target
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model import hub
from model.batches import IGNORE, Batch, next_targets, pad, ragged
from model.decoder import Decoder
from model.lora import lora_disabled
from model.spec import Spec

Answers = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]  # ids and is_target of each row


@dataclass(frozen=True)
class AnswerBatch(Batch):
    targets_bt: Tensor  # int64; IGNORE on the prompt and on padding


def answers(table: pa.Table, name: str) -> Answers:
    """The columns `name` (ids) and `name`_is_target."""
    return ragged(table[name]), ragged(table[f"{name}_is_target"])


def answer_tensors(columns: Sequence[Answers], items: np.ndarray, context: int) -> tuple[Tensor, Tensor]:
    """Tokens and targets (b,t): these items of the first column, then of the second."""
    rows = [(ids[item][:context], is_target[item][:context]) for ids, is_target in columns for item in items.tolist()]
    return pad([ids for ids, _ in rows]), pad([next_targets(*row) for row in rows], IGNORE, spare=1)


def answer_logprobs(decoder: Decoder, batch: AnswerBatch) -> Tensor:
    """Nats (b,) of each row's targets together, given what stands before them."""
    x_btd = decoder(batch.tokens_bt)
    row, position = (batch.targets_bt != IGNORE).nonzero(as_tuple=True)
    logits_nv = decoder.logits(x_btd[row, position]).float()
    losses_n = F.cross_entropy(logits_nv, batch.targets_bt[row, position], reduction="none")
    return losses_n.new_zeros(len(batch.tokens_bt)).index_add(0, row, -losses_n)


class Reference(nn.Module):
    """The network as it was before training; of one that learns a low-rank change, itself without that change."""

    def __init__(self, decoder: Decoder | None) -> None:
        super().__init__()
        self.decoder = decoder.requires_grad_(False) if decoder else None

    @torch.no_grad()
    def forward(self, learning: Decoder, batch: AnswerBatch) -> Tensor:
        """Nats (b,) as answer_logprobs gives them."""
        if self.decoder:
            return answer_logprobs(self.decoder, batch)
        with lora_disabled(learning):
            return answer_logprobs(learning, batch)


def reference_decoder(spec: Spec) -> Decoder | None:
    """A second copy of the weights that training begins from; none is needed where only a low-rank change learns."""
    assert spec.weights is not None, "answers are compared with those of the model that training begins from"
    return None if spec.lora else hub.load(spec.weights)
