"""The better one of two answers: direct preference optimisation.

b batch · t position
"""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch.nn.functional as F
from pydantic import Field

from model.batches import RowDataset
from model.decoder import Decoder
from model.objectives.answers import (
    AnswerBatch,
    Reference,
    answer_logprobs,
    answer_tensors,
    answers,
    reference_decoder,
)
from model.objectives.objective import LossSums, Objective, RowData
from model.spec import Spec


class PairBatch(AnswerBatch):
    """Rows 0 … n-1 are the chosen answers of n prompts, rows n … 2n-1 the rejected ones, in the same order."""


class Preferences(RowDataset):
    """Pairs of answers to one prompt, padded to the longest (Arrow stream: chosen, rejected and their targets)."""

    def __init__(self, path: Path, context: int) -> None:
        super().__init__(path, context)
        self.sides = [answers(self.table, side) for side in ("chosen", "rejected")]

    def batch(self, items: np.ndarray) -> PairBatch:
        return PairBatch(*answer_tensors(self.sides, items, self.context))


class Prefer(Objective):
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, equation 7), nats a pair.

    A reward is beta · (log p(answer) − log p_reference(answer)), in nats; the reference never changes.
    """

    forward_passes = 2  # one more by the reference

    def __init__(self, decoder: Decoder, reference: Decoder | None, beta: float) -> None:
        super().__init__()
        self.decoder, self.reference, self.beta = decoder, Reference(reference), beta

    def forward(self, batch: PairBatch) -> LossSums:
        before_b = self.reference(self.decoder, batch)
        reward_b = self.beta * (answer_logprobs(self.decoder, batch) - before_b)
        chosen, rejected = reward_b.chunk(2)
        margin = chosen - rejected
        metric_sums = {"accuracy": (margin > 0).float(), "margin": margin, "chosen_reward": chosen}
        loss = -F.logsigmoid(margin).sum()
        return LossSums(loss, loss.new_tensor(len(margin)), {name: x.detach().sum() for name, x in metric_sums.items()})


class PreferenceTokens(RowData):
    """Arrow IPC streams of chosen and rejected (ids), chosen_is_target, rejected_is_target and doc_id."""

    kind: Literal["preferences"] = "preferences"
    beta: float = Field(default=0.1, gt=0)  # how costly it is to leave the reference
    rows: ClassVar[type[RowDataset]] = Preferences
    sequences_per_item: ClassVar[int] = 2

    def network(self, decoder: Decoder, spec: Spec) -> tuple[Decoder, Prefer]:
        return decoder, Prefer(decoder, reference_decoder(spec), self.beta)
