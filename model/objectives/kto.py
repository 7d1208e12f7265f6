"""Good and bad answers that come without a partner: Kahneman-Tversky optimisation (KTO).

b batch · t position
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from model.batches import RowDataset, ragged
from model.decoder import Decoder
from model.objectives.answers import AnswerBatch, Reference, answer_logprobs, answer_tensors, reference_decoder
from model.objectives.objective import LossSums, Objective, RowData
from model.spec import Spec
from model.stream import as_numpy


@dataclass(frozen=True)
class LabelledAnswerBatch(AnswerBatch):
    """Rows 0 … n-1 are n answers to their prompts; rows n … 2n-1 the same prompts with answers of others."""

    desirable_n: Tensor  # bool


class LabelledAnswers(RowDataset):
    """Answers with whether each is good (Arrow stream: ids, is_target, desirable); a mismatch is the row before's."""

    def __init__(self, path: Path, context: int) -> None:
        super().__init__(path, context)
        self.ids, self.is_target = ragged(self.table["ids"]), ragged(self.table["is_target"])
        self.desirable = as_numpy(self.table["desirable"].combine_chunks())

    def batch(self, items: np.ndarray) -> LabelledAnswerBatch:
        mismatched = [self._mismatched(item) for item in items.tolist()]
        rows = np.arange(len(items))
        both = [self.ids[item] for item in items.tolist()] + [ids for ids, _ in mismatched]
        targets = [self.is_target[item] for item in items.tolist()] + [is_target for _, is_target in mismatched]
        tensors = answer_tensors([(both, targets)], np.concatenate([rows, rows + len(items)]), self.context)
        return LabelledAnswerBatch(*tensors, torch.from_numpy(self.desirable[items]))

    def _mismatched(self, item: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids and targets: this row's prompt, then the answer of the row before it."""
        before = (item - 1) % self.items
        prompt, answer = int(self.is_target[item].argmax()), int(self.is_target[before].argmax())
        ids = np.concatenate([self.ids[item][:prompt], self.ids[before][answer:]])
        return ids, np.concatenate([self.is_target[item][:prompt], self.is_target[before][answer:]])


class Kto(Objective):
    """Kahneman-Tversky optimisation (Ethayarajh et al. 2024, arXiv 2402.01306, section 4.1, equation 7), per answer.

    With r = log p(answer) − log p_reference(answer), an answer costs weight · (1 − sigmoid(±beta · (r − z0))), plus for
    a desirable one. The reference point z0 is what any answer gained, right or wrong for its prompt: the mean of r over
    mismatched prompts and answers of the micro-batch, at least 0 and without a gradient; it estimates the KL divergence
    from the reference. It is taken for each micro-batch and rank alone, so unlike other objectives, this one changes a
    little with their number.
    """

    forward_passes = 4  # answers and mismatches, each by the reference too

    def __init__(self, decoder: Decoder, reference: Decoder | None, settings: "LabelledAnswerTokens") -> None:
        super().__init__()
        self.decoder, self.reference, self.settings = decoder, Reference(reference), settings

    def forward(self, batch: LabelledAnswerBatch) -> LossSums:
        n, beta = len(batch.desirable_n), self.settings.beta
        answers = AnswerBatch(batch.tokens_bt[:n], batch.targets_bt[:n])
        mismatches = AnswerBatch(batch.tokens_bt[n:], batch.targets_bt[n:])
        with torch.no_grad():
            gain_n = answer_logprobs(self.decoder, mismatches) - self.reference(self.decoder, mismatches)
            point = gain_n.mean().clamp(min=0)
        ratio_n = answer_logprobs(self.decoder, answers) - self.reference(self.decoder, answers)
        margin_n = beta * torch.where(batch.desirable_n, ratio_n - point, point - ratio_n)
        weights = self.settings.desirable_weight, self.settings.undesirable_weight
        weight_n = torch.where(batch.desirable_n, *(margin_n.new_tensor(weight) for weight in weights))
        loss = (weight_n * (1 - torch.sigmoid(margin_n))).sum()
        metric_sums = {"accuracy": (margin_n > 0).float(), "margin": margin_n, "reference_point": point.expand(n)}
        return LossSums(loss, loss.new_tensor(n), {name: x.detach().sum() for name, x in metric_sums.items()})


class LabelledAnswerTokens(RowData):
    """Arrow IPC streams of ids (list), is_target (list of bool), desirable (bool) and doc_id."""

    kind: Literal["labelled_answers"] = "labelled_answers"
    beta: float = Field(default=0.1, gt=0)  # how costly it is to leave the reference
    desirable_weight: float = Field(default=1.0, ge=0)  # of a good answer's loss
    undesirable_weight: float = Field(default=1.0, ge=0)
    rows: ClassVar[type[RowDataset]] = LabelledAnswers

    def network(self, decoder: Decoder, spec: Spec) -> tuple[Decoder, Kto]:
        return decoder, Kto(decoder, reference_decoder(spec), self)
