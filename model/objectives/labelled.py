"""The class of a text: a classifier's head on the decoder, and as much of the decoder as shall learn.

b batch · t position · c class
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.batches import Batch, RowDataset, pad, ragged
from model.decoder import Decoder
from model.head import Classifier, Trainable, freeze
from model.objectives.objective import LossSums, Objective, RowData
from model.spec import Spec
from model.stream import as_numpy


@dataclass(frozen=True)
class LabelledBatch(Batch):
    lengths_b: Tensor  # int64
    labels_b: Tensor  # int64


class Labelled(RowDataset):
    """Texts with a class each, padded to the longest of the batch (Arrow stream: ids, label, doc_id)."""

    def __init__(self, path: Path, context: int) -> None:
        super().__init__(path, context)
        self.ids = [ids[:context] for ids in ragged(self.table["ids"])]
        self.labels = as_numpy(self.table["label"].combine_chunks()).astype(np.int64)

    def batch(self, items: np.ndarray) -> LabelledBatch:
        rows = [self.ids[item] for item in items.tolist()]
        lengths_b = np.array([len(ids) for ids in rows], dtype=np.int64)
        return LabelledBatch(pad(rows), torch.from_numpy(lengths_b), torch.from_numpy(self.labels[items]))


class Classify(Objective):
    """Nats of each text's label."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, batch: LabelledBatch) -> LossSums:
        logits_bc = self.classifier(batch.tokens_bt, batch.lengths_b).float()
        loss = F.cross_entropy(logits_bc, batch.labels_b, reduction="sum")
        correct = (logits_bc.argmax(-1) == batch.labels_b).sum()
        return LossSums(loss, loss.new_tensor(len(batch.labels_b)), {"accuracy": correct})


class LabelledTokens(RowData):
    """Arrow IPC streams of ids (list), label (number of the class) and doc_id."""

    kind: Literal["labelled"] = "labelled"
    labels: tuple[str, ...]
    trainable: Trainable = "full"
    rows: ClassVar[type[RowDataset]] = Labelled

    def network(self, decoder: Decoder, spec: Spec) -> tuple[Classifier, Classify]:
        classifier = Classifier(decoder, self.labels)
        if not spec.lora:
            freeze(classifier, self.trainable)
        return classifier, Classify(classifier)
