"""A method of fine-tuning as one value: its rows, how they become tokens, what is learned, how the model is judged.

A method is a file of methods/ that makes such a value, and a line in methods/table.py. Recipes, the graph, evaluation,
registration and `triptych init` read all they know of it from here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.finetune.rows import RowSource
from tasks.finetune.settings import FinetuneSettings
from tasks.finetune.tokenised_rows import StartingModel

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, DatasetDict


STRONGEST = "strongest"  # the baseline that did best of those scored in the same run
Notes = list[str]  # sentences for the person who watches the run
Extra = tuple[dict[str, float], Notes]  # metrics to chart, and notes


@dataclass(frozen=True)
class JudgedBy:
    """What the gate decides on where the recipe does not say otherwise."""

    task: str
    baseline: str  # what a version must beat: STRONGEST, or the name of a scored model
    margin: float = 0.01  # loss that a candidate may give away against the champion


@dataclass(frozen=True)
class OwnRowFiles:
    """How `triptych init` recognises a file of rows for this method, and what it proposes to do with it."""

    fields: tuple[frozenset[str], ...]  # a record that has all fields of one of these is a row
    what: str  # such rows, in words
    settings: Mapping[str, int] = field(default_factory=dict)  # for a short first run


def weights_of(trained: Path) -> Path:
    """The network that was trained."""
    return trained / "weights"


def rows_in(table: "pa.Table", context: int) -> int:
    """One sequence a row."""
    return len(table)


@dataclass(frozen=True)
class Method:
    """Everything that sets one method apart; what all have in common is in steps.py."""

    name: str  # of finetune/NAME, evaluate/NAME, [finetune.NAME] and [registry.NAME]
    config: type[FinetuneSettings]
    rows: Callable[[Any, RowSource], tuple["DatasetDict", Notes]]
    tokenise: Callable[["Dataset", StartingModel], "pa.Table"]  # the columns that the objective reads
    objective: Callable[[Any, "DatasetDict"], dict[str, Any]]  # a training spec's `data`, without its files
    evaluate: Callable[[Any, Any, Path], Notes]  # (ScoreTable, FineTuned, folder): enters the model's scores
    registered_as: str  # the ending of the registered model's name
    judged_by: JudgedBy
    does: str  # for the model card: "answers a request"
    answers: bool = True  # whether the model answers in turns: its weights get a chat template
    takes: str = "prompt"  # the column that a caller of the registered model gives
    starts_from: str = ""  # the method whose model it begins from, where the recipe has that one; else the base
    sequences: Callable[["pa.Table", int], int] = rows_in  # of an epoch, given the context
    beside: "Callable[[Any, DatasetDict, Mapping[str, pa.Table], StartingModel, Path], Extra] | None" = (
        None  # what is made after training
    )
    model_folder: Callable[[Path], Path] = weights_of  # of the step's folder: what is evaluated and registered
    version: int = 1  # of finetune/NAME: raised when the same config must give other bytes
    evaluate_version: int = 2  # of evaluate/NAME, likewise
    own_row_files: OwnRowFiles | None = None

    @property
    def label(self) -> str:
        """The label of its step."""
        return f"finetune/{self.name}"
