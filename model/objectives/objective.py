"""What every objective has: the files of its rows, the datasets and the network made for them, and sums of losses.

Loss and count are summed over what is counted (tokens, texts); fit divides by the count of the whole global batch. A
mean of means would weigh tokens by how full their micro-batch is.
"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from model.batches import Dataset, RowDataset
from model.decoder import Decoder
from model.head import Classifier
from model.spec import Spec, Strict


class LossSums(NamedTuple):
    loss: Tensor  # nats, summed
    counted: Tensor  # how many targets or texts
    metric_sums: dict[str, Tensor]  # further sums to be divided by the count: {"accuracy": correct ones}


class Objective(nn.Module):
    """From a batch to LossSums."""

    forward_passes: ClassVar[int] = 1  # of the decoder for each sequence; one of them is followed by a backward pass


class TrainingData(Strict):
    """A spec's `data`: which files are learned from, and how. Each kind has its name in a field `kind`."""

    separator: int  # the id that stands before, between and after documents, and ends a sample
    sequences_per_item: ClassVar[int] = 1

    @abstractmethod
    def datasets(self, context: int) -> tuple[Dataset, Dataset]:
        """Training and validation items."""

    @abstractmethod
    def network(self, decoder: Decoder, spec: Spec) -> tuple[Decoder | Classifier, Objective]:
        """The network that is saved in the end, and the objective that trains it."""

    def further_metrics(self, means: Mapping[str, float], validation: Dataset) -> dict[str, float]:
        """What follows from the means over the validation items."""
        return {}

    @classmethod
    @abstractmethod
    def reopen(cls, described: Mapping[str, Any], files: Mapping[str, Path]) -> Dataset:
        """The training items of a run that is over, from its data.json and where its files lie now."""


class RowData(TrainingData):
    """One Arrow IPC stream of rows for training, and one for validation."""

    train: Path
    validation: Path
    rows: ClassVar[type[RowDataset]]

    def datasets(self, context: int) -> tuple[Dataset, Dataset]:
        return self.rows(self.train, context), self.rows(self.validation, context)

    @classmethod
    def reopen(cls, described: Mapping[str, Any], files: Mapping[str, Path]) -> Dataset:
        return cls.rows(files["train.arrow"], described["context"])
