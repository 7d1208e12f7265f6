"""Fine-tuning, whatever the method: rows, then tokens, then training in a process of its own.

weights/   Hugging Face layout; a classifier's head and classes beside it     metrics.jsonl   a row a step
rows/      what it learned from: a Hugging Face DatasetDict with the splits   curve.svg       loss and accuracy
           train, validation, test                                            timing/speed.jsonl
tokens/    the same rows as the trainer reads them, Arrow IPC streams
adapter/   where only a low-rank change was learned: that change, in peft's layout
candidates/  of a classification: what competes with the network (tasks/classifiers/candidates.py)
"""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import training
from tasks.errors import Skipped
from tasks.finetune.method import Method
from tasks.finetune.rows import RowSource
from tasks.finetune.settings import FinetuneSettings
from tasks.finetune.tokenised_rows import StartingModel, TooLong, cut_rows, write_table
from tasks.models.chat_template import answers_in_turns, write_chat_template
from tasks.models.rendering import markup_of
from tasks.models.vocabulary import Vocabulary
from tasks.store.step import Inputs, Stats, Step
from tasks.training import PROGRAM, tidy, train

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import DatasetDict

    from model.spec import Spec

TRAINED_ON = ("train", "validation")  # the test rows are evaluation's alone
METRICS = ("loss", "accuracy", "margin", "val_loss", "val_accuracy", "val_margin")
LIBRARIES = ("torch", "numpy", "pyarrow", "safetensors", "datasets", "duckdb", "tokenizers", "tiktoken")


def finetune_step(method: Method) -> Step:
    """The step finetune/NAME of a method."""

    def run(config: Any, inputs: Inputs, out: Path) -> Stats:
        return finetune(method, config, inputs, out)

    own = (method.config, method.rows, method.tokenise, method.objective, method.sequences, method.beside)
    return Step(
        method.label, method.version, method.config, run, LIBRARIES, code=(PROGRAM, *filter(None, own)), resumes=True
    )


def finetune(method: Method, config: Any, inputs: Inputs, out: Path) -> Stats:
    """Trains by that method; Skipped where the corpus offers no rows, or none that fits the model's context."""
    model = starting_model(inputs, config.context)
    source = RowSource(inputs.partitions("texts"), inputs.partitions("shards"), model.max_piece_chars)
    rows, notes = method.rows(config, source)
    tables = tokenise_splits(method, config, rows, model)
    files = write_rows(rows, tables, out)
    data = {**method.objective(config, rows), "separator": model.vocabulary.separator, **files}
    spec = training_spec(config, model, data, method.sequences(tables["train"], model.context), out)
    if method.answers:
        spec = spec.model_copy(update=answering(model, config))
    train(spec, config.ranks, method.label)
    metrics = draw_and_summarise(spec) | row_counts(rows, tables)
    if method.answers:
        write_chat_template(out / "weights")
    extra, more = method.beside(config, rows, tables, model, out) if method.beside else ({}, [])
    tidy(spec.out)
    notes = [*notes, *notes_on_length(rows, tables, model), *notes_on_date(method, model), *more]
    return Stats(metrics=metrics | extra, notes=tuple(notes))


def starting_model(inputs: Inputs, context: int | None = None) -> StartingModel:
    """The model to begin from, read with at most this context."""
    from model.hub_files import read_shape

    weights = (inputs.folder("model") / "weights").absolute()
    shape = read_shape(weights)
    return StartingModel(weights, Vocabulary(weights), min(context or shape.context, shape.context))


def tokenise_splits(
    method: Method, config: FinetuneSettings, rows: "DatasetDict", model: StartingModel
) -> dict[str, "pa.Table"]:
    """Each split as tokens, the test rows too: what would end an evaluation is reported before any training.

    TooLong where no row of a split fits the context; where the rows were derived, that is no mistake but Skipped.
    """
    try:
        return {str(split): method.tokenise(rows[split], model) for split in rows}
    except TooLong as error:
        if config.path:
            raise
        raise Skipped(f"{error.what}: {error.cure}") from None


def write_rows(rows: "DatasetDict", tables: Mapping[str, "pa.Table"], out: Path) -> dict[str, Path]:
    """The token files that training reads, written anew together with rows/: all follow from the inputs alone."""
    from datasets import disable_progress_bars

    disable_progress_bars()
    shutil.rmtree(out / "rows", ignore_errors=True)
    rows.save_to_disk(str(out / "rows"))
    return {split: write_table(tables[split], out.absolute() / "tokens" / f"{split}.arrow") for split in TRAINED_ON}


def training_spec(
    config: FinetuneSettings, model: StartingModel, data: dict[str, Any], sequences: int, out: Path
) -> "Spec":
    """What the training process does: `sequences` make an epoch."""
    from model.hub_files import read_special_ids
    from model.schedule import OptimizerConfig, Schedule
    from model.spec import Spec

    steps = config.steps or math.ceil(config.epochs * sequences / config.batch)
    warmup_steps = round(config.warmup * steps)
    return Spec(
        out=out.absolute(),
        data=data,
        weights=model.weights,
        tokenizer=model.weights,
        special_ids=read_special_ids(model.weights),
        context=model.context,
        schedule=Schedule(steps=steps, warmup_steps=warmup_steps, decay_steps=steps - warmup_steps, final_fraction=0.0),
        batch=config.batch,
        optimizer=OptimizerConfig(learning_rate=config.learning_rate, **config.optimizer_settings()),
        **config.settings(),
    )


def answering(model: StartingModel, config: FinetuneSettings) -> dict[str, Any]:
    """What of a Spec differs for a model that learns to answer: its turns' end stops it, wherever it is used.

    A model that never saw a turn has no use for the rows of the tokens that mark them. Left as they are, they are much
    like those of all other tokens that it never saw, and training would make these more probable with them.
    """
    from model.hub_files import read_special_ids

    markup = markup_of(model.vocabulary)
    special_ids = read_special_ids(model.weights).ended_by((*markup.ends, model.vocabulary.separator))
    if config.lora or answers_in_turns(model.weights):
        return {"special_ids": special_ids}
    new = markup.marks - {model.vocabulary.begin, model.vocabulary.separator}
    return {"special_ids": special_ids, "copied_rows": dict.fromkeys(sorted(new), model.vocabulary.separator)}


def draw_and_summarise(spec: "Spec") -> dict[str, float]:
    """Where training came; draws the curve."""
    from tasks.report.pictures import draw_training

    metrics = spec.out / "metrics.jsonl"
    draw_training(metrics, spec.out / "curve.svg")
    return training.last_metrics(metrics, METRICS)


def row_counts(rows: "DatasetDict", tables: Mapping[str, "pa.Table"]) -> dict[str, float]:
    """Rows of each split that are read as tokens, those too long to be, and classes where there are."""
    from datasets import ClassLabel

    label = rows["train"].features.get("label")
    classes = {"classes": float(len(label.names))} if isinstance(label, ClassLabel) else {}
    counts = {f"rows_{split}": float(len(table)) for split, table in tables.items()}
    return counts | {"rows_too_long": float(sum(map(len, rows.values()))) - sum(counts.values())} | classes


def notes_on_date(method: Method, model: StartingModel) -> list[str]:
    """That the chat template writes a date, which training must not take from the clock."""
    if not method.answers or not markup_of(model.vocabulary).template.writes_date:
        return []
    from model.chat_template import TRAINING_DAY

    day = f"{TRAINING_DAY:%d %B %Y}"
    return [f"the chat template writes the date into each conversation: {day} in training, the day's own in use"]


def notes_on_length(rows: "DatasetDict", tables: Mapping[str, "pa.Table"], model: StartingModel) -> list[str]:
    """What the model's context leaves out of the rows: those with no answer within it, and ends that are cut off."""
    count, read = sum(map(len, rows.values())), sum(map(len, tables.values()))
    notes = []
    if read < count:
        notes.append(
            f"{count - read} of {count} rows are left out: their answers begin after the {model.context} tokens of "
            "the context"
        )
    cut = sum(cut_rows(table, model) for table in tables.values())
    if cut:
        where = f"the {model.context} tokens of the context"
        notes.append(
            f"{cut} of {count} texts fill {where}, or are cut there"
            if "label" in tables["train"].column_names
            else f"{cut} of {count} answers are cut after {where}, and their ends are not learned"
        )
    return notes
