"""Fine-tuning: a child that names classes, one that answers, one that prefers. The same `fit`, another objective.

weights/   Hugging Face layout; a classifier's head and classes beside it     metrics.jsonl   a row a step
rows/      what it learned from: a Hugging Face DatasetDict with the splits   curve.svg       loss and accuracy
           train, validation, test                                            timing/speed.jsonl
tokens/    the same rows as the trainer reads them, Arrow IPC streams
adapter/   where only a low-rank change was learned: that change, in peft's layout
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tasks.errors import Skipped
from tasks.finetune.preferences import PreferenceRows, preference_rows
from tasks.finetune.rows import InstructionRows, LabelledRows, instruction_rows, labelled_rows
from tasks.finetune.tokenised_rows import (
    Parent,
    TooLong,
    conversation_table,
    labelled_table,
    preference_table,
    written,
)
from tasks.models.chat_template import write_chat_template
from tasks.models.vocabulary import Vocabulary
from tasks.store.step import Inputs, Stats, Step
from tasks.training import PROGRAM, TrainingConfig, tidy, train

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, DatasetDict

    from model.spec import Spec

TRAINED_ON = ("train", "validation")  # the test rows are evaluation's alone


class TuningPlan(TrainingConfig):
    """How a child is trained: what all ways have, under the names that pretraining has."""

    context: int | None = Field(default=None, ge=8)  # longest sequence; None: all that the model takes
    epochs: float = Field(default=3.0, gt=0)  # over the training rows, where steps is None
    steps: int | None = Field(default=None, ge=1)
    batch: int = Field(default=32, ge=1)  # sequences or texts a step, over all ranks
    learning_rate: float = Field(default=5e-4, gt=0)  # of matrices, at its peak
    warmup: float = Field(default=0.1, ge=0, le=1)  # share of the steps; all others decay
    compiled: bool | Literal["auto"] = False  # lengths vary from batch to batch
    eval_every: int = Field(default=50, ge=1)  # steps


class ClassifyConfig(LabelledRows, TuningPlan):
    """Which labels, which part of the network learns them, and how."""

    trainable: Literal["head", "last_block", "full"] = "full"
    head_scale: float = Field(default=10.0, gt=0)  # a classifier's head begins from nothing


class InstructConfig(InstructionRows, TuningPlan):
    """Which prompts and responses, and how they are learned."""


class PreferConfig(PreferenceRows, TuningPlan):
    """Which answers are preferred to which, and how that is learned: DPO from the model that was taught to answer."""

    beta: float = Field(default=0.1, gt=0)  # how dear it is to leave that model
    batch: int = Field(default=8, ge=1)  # pairs
    learning_rate: float = Field(default=5e-5, gt=0)


def classify(config: ClassifyConfig, inputs: Inputs, out: Path) -> Stats:
    """A classifier on the base; Skipped where the corpus offers fewer than two classes."""
    rows, notes = labelled_rows(config, inputs.partitions("texts"), inputs.partitions("shards"))
    parent = parent_of(inputs, config.context)
    tables = {split: labelled_table(rows[split], parent) for split in TRAINED_ON}
    labels = tuple(rows["train"].features["label"].names)
    files = _kept(rows, tables, out)
    data = {"kind": "labelled", **files, "labels": labels, "trainable": config.trainable}
    metrics = _tuned(specify(config, parent, data, len(tables["train"]), out), config.ranks, "finetune/classify")
    return Stats(metrics=metrics | _counts(rows) | {"classes": float(len(labels))}, notes=tuple(notes))


def instruct(config: InstructConfig, inputs: Inputs, out: Path) -> Stats:
    """A model that answers, taught on the assistant's tokens alone; Skipped where no document makes a row that fits."""
    from model.objectives.conversations import pack

    parent = parent_of(inputs, config.context)
    rows, notes = instruction_rows(config, inputs.partitions("texts"), inputs.partitions("shards"), parent.room)
    tables = _fitting(config, rows, parent, conversation_table)
    files = _kept(rows, tables, out)
    packs = pack([len(ids) for ids in tables["train"]["ids"].to_pylist()], parent.context)
    data = {"kind": "conversations", **files}
    metrics = _tuned(specify(config, parent, data, len(packs), out), config.ranks, "finetune/instruct")
    write_chat_template(out / "weights")
    too_long = sum(len(rows[split]) - len(table) for split, table in tables.items())
    return Stats(metrics=metrics | _counts(rows) | {"rows_too_long": float(too_long)}, notes=tuple(notes))


def prefer(config: PreferConfig, inputs: Inputs, out: Path) -> Stats:
    """A model that gives chosen answers more often than rejected ones; Skipped where no pair is, or fits."""
    parent = parent_of(inputs, config.context)
    rows, notes = preference_rows(config, inputs.partitions("texts"), inputs.partitions("shards"), parent.room)
    tables = _fitting(config, rows, parent, preference_table)
    files = _kept(rows, tables, out)
    data = {"kind": "preferences", **files, "beta": config.beta}
    metrics = _tuned(specify(config, parent, data, len(tables["train"]), out), config.ranks, "finetune/prefer")
    write_chat_template(out / "weights")
    too_long = sum(len(rows[split]) - len(table) for split, table in tables.items())
    return Stats(metrics=metrics | _counts(rows) | {"rows_too_long": float(too_long)}, notes=tuple(notes))


def parent_of(inputs: Inputs, context: int | None = None) -> Parent:
    """The model to begin from among the inputs, with at most this context."""
    from model.hub_config import to_shape

    weights = (inputs.folder("model") / "weights").absolute()
    config = weights / "config.json"
    shape = to_shape(json.loads(config.read_text(encoding="utf-8")), config)
    return Parent(weights, Vocabulary(weights), min(context or shape.context, shape.context))


def specify(config: TuningPlan, parent: Parent, data: dict[str, Any], items: int, out: Path) -> "Spec":
    """The child's whole task: `items` sequences or texts make an epoch."""
    from model.schedule import OptimizerConfig, Schedule
    from model.spec import Spec

    steps = config.steps or math.ceil(config.epochs * items / config.batch)
    warmup_steps = round(config.warmup * steps)
    return Spec(
        out=out.absolute(),
        data=data,
        weights=parent.weights,
        tokenizer=parent.weights,
        context=parent.context,
        schedule=Schedule(steps=steps, warmup_steps=warmup_steps, decay_steps=steps - warmup_steps, final_fraction=0.0),
        batch=config.batch,
        optimizer=OptimizerConfig(learning_rate=config.learning_rate, **config.optimizer_settings()),
        **config.settings(),
    )


def _fitting(
    config: InstructionRows, rows: "DatasetDict", parent: Parent, table: Callable[["Dataset", Parent], "pa.Table"]
) -> dict[str, "pa.Table"]:
    """Each split as tokens, the test rows too: what would end an evaluation is told before any training.

    TooLong where no row of a split fits the context; where the rows were derived, that is no mistake but Skipped.
    """
    try:
        return {str(split): table(rows[split], parent) for split in rows}
    except TooLong as error:
        if config.path:
            raise
        raise Skipped(f"{error.what}: {error.cure}") from None


def _kept(rows: "DatasetDict", tables: Mapping[str, "pa.Table"], out: Path) -> dict[str, Path]:
    """The token files of both splits, written anew together with rows/: all follow from the inputs alone."""
    from datasets import disable_progress_bars

    disable_progress_bars()
    shutil.rmtree(out / "rows", ignore_errors=True)
    rows.save_to_disk(str(out / "rows"))
    return {split: written(tables[split], out.absolute() / "tokens" / f"{split}.arrow") for split in TRAINED_ON}


def _tuned(spec: "Spec", ranks: int, what: str) -> dict[str, float]:
    """Trains in a child process, and returns the figures it ended with."""
    train(spec, ranks, what)
    from tasks.report.pictures import draw_training

    metrics = spec.out / "metrics.jsonl"
    draw_training(metrics, spec.out / "curve.svg")
    last = json.loads(metrics.read_text(encoding="utf-8").splitlines()[-1])
    tidy(spec.out)
    figures = ("loss", "accuracy", "margin", "val_loss", "val_accuracy", "val_margin")
    return {name: last[name] for name in figures if name in last} | {"steps": float(last["step"])}


def _counts(rows: "DatasetDict") -> dict[str, float]:
    return {f"rows_{split}": float(len(rows[split])) for split in rows}


LIBRARIES = ("torch", "numpy", "pyarrow", "safetensors", "datasets", "duckdb", "tokenizers", "tiktoken")

FINETUNE_CLASSIFY = Step(
    "finetune/classify",
    1,
    ClassifyConfig,
    classify,
    libraries=LIBRARIES,
    code=(PROGRAM,),
    resumes=True,
)
FINETUNE_INSTRUCT = Step(
    "finetune/instruct",
    2,  # pieces of a document fit the model's context, and keep its line breaks
    InstructConfig,
    instruct,
    libraries=LIBRARIES,
    code=(PROGRAM,),
    resumes=True,
)
FINETUNE_PREFER = Step(
    "finetune/prefer",
    2,  # as finetune/instruct
    PreferConfig,
    prefer,
    libraries=LIBRARIES,
    code=(PROGRAM,),
    resumes=True,
)
