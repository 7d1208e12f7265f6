"""How fine-tuning trains, whatever the method."""

from typing import Literal

from pydantic import Field

from tasks.finetune.own_rows import OwnRows
from tasks.training import TrainingConfig


class FinetuneSettings(OwnRows, TrainingConfig):
    """What all methods have, under the names that pretraining has."""

    context: int | None = Field(default=None, ge=8)  # longest sequence; None: all that the model takes
    epochs: float = Field(default=3.0, gt=0)  # over the training rows, where steps is None
    steps: int | None = Field(default=None, ge=1)
    batch: int = Field(default=32, ge=1)  # sequences or texts a step, over all ranks
    learning_rate: float = Field(default=5e-4, gt=0)  # of matrices, at its peak
    warmup: float = Field(default=0.1, ge=0, le=1)  # share of the steps; all others decay
    compiled: bool | Literal["auto"] = False  # lengths vary from batch to batch
    eval_every: int = Field(default=50, ge=1)  # steps
