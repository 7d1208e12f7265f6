"""What training lowers: an objective is a module from a batch to sums, so that parts and ranks add up exactly.

Loss and count are summed over what is counted (tokens, texts); fit divides by the count of the whole global batch. A
mean of means would weigh tokens by how full their part of the batch is.

b batch · t position · d width · c class
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.batches import IGNORE, LabelledBatch, PairBatch, TokenBatch
from model.cross_entropy import cross_entropy
from model.decoder import Decoder
from model.head import Classifier
from model.lora import lora_disabled


class LossSums(NamedTuple):
    loss: Tensor  # nats, summed
    count: Tensor  # how many were counted
    metric_sums: dict[str, Tensor]  # further sums to be divided by the count: {"accuracy": correct ones}


class NextToken(nn.Module):
    """Nats of each target given the tokens before it; targets that are IGNORE count nothing (a prompt, padding)."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, batch: TokenBatch) -> LossSums:
        x_btd = self.decoder(batch.tokens_bt, batch.positions_bt, batch.mask_b1tt)
        loss = cross_entropy(x_btd, self.decoder.head_weight_vd, batch.targets_bt)
        return LossSums(loss, (batch.targets_bt != IGNORE).sum(), {})


class Prefer(nn.Module):
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, equation 7), nats a pair.

    A reward is beta · (log p(answer) − log p_reference(answer)), in nats; the reference never changes. A decoder that
    learns a low-rank change is its own reference, without it.
    """

    def __init__(self, decoder: Decoder, reference: Decoder | None, beta: float) -> None:
        super().__init__()
        self.decoder, self.beta = decoder, beta
        self.reference = reference.requires_grad_(False) if reference else None

    def forward(self, batch: PairBatch) -> LossSums:
        with torch.no_grad():
            if self.reference:
                before_b = answer_logprobs(self.reference, batch)
            else:
                with lora_disabled(self.decoder):
                    before_b = answer_logprobs(self.decoder, batch)
        reward_b = self.beta * (answer_logprobs(self.decoder, batch) - before_b)
        chosen, rejected = reward_b.chunk(2)
        margin = chosen - rejected
        metric_sums = {"accuracy": (margin > 0).float(), "margin": margin, "chosen_reward": chosen}
        loss = -F.logsigmoid(margin).sum()
        return LossSums(loss, loss.new_tensor(len(margin)), {name: x.detach().sum() for name, x in metric_sums.items()})


def answer_logprobs(decoder: Decoder, batch: PairBatch) -> Tensor:
    """Nats (b,) of each row's targets together, given what stands before them."""
    x_btd = decoder(batch.tokens_bt)
    row, position = (batch.targets_bt != IGNORE).nonzero(as_tuple=True)
    logits_nv = decoder.logits(x_btd[row, position]).float()
    losses_n = F.cross_entropy(logits_nv, batch.targets_bt[row, position], reduction="none")
    return losses_n.new_zeros(len(batch.tokens_bt)).index_add(0, row, -losses_n)


class Classify(nn.Module):
    """Nats of each text's label."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, batch: LabelledBatch) -> LossSums:
        logits_bc = self.classifier(batch.tokens_bt, batch.lengths_b).float()
        loss = F.cross_entropy(logits_bc, batch.labels_b, reduction="sum")
        correct = (logits_bc.argmax(-1) == batch.labels_b).sum()
        return LossSums(loss, loss.new_tensor(len(batch.labels_b)), {"accuracy": correct})
