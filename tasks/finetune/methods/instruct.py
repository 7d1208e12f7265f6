"""Instruction tuning: answers to prompts, learned on the assistant's tokens alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import Skipped
from tasks.finetune.instructions import InstructionRows, answers_by_split, instructions
from tasks.finetune.method import STRONGEST, JudgedBy, Method, OwnRowFiles
from tasks.finetune.row_formats import ANSWERS, TURNS, pairs
from tasks.finetune.rows import RowSource
from tasks.finetune.settings import FinetuneSettings
from tasks.finetune.tokenised_rows import StartingModel, TooLong, answer_columns
from tasks.models.rendering import rendered_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, DatasetDict

    from tasks.evaluate.finetuned import FineTuned
    from tasks.evaluate.score_table import ScoreTable


class InstructConfig(InstructionRows, FinetuneSettings):
    """Which prompts and responses, and how they are learned."""


def instruction_rows(config: InstructionRows, source: RowSource) -> tuple["DatasetDict", list[str]]:
    """Rows prompt, response, origin, kind, doc_id and messages (the turns to train on) by split, and notes."""
    rows, notes = instructions(config, source)
    if not any(row["split"] == "train" for row in rows):
        raise Skipped("no document of the training split suits a template: " + ("; ".join(notes) or "all too short"))
    return answers_by_split(config, rows), notes


def conversation_table(rows: "Dataset", model: StartingModel) -> "pa.Table":
    """ids, is_target and doc_id of each conversation that has a target within the context."""
    import pyarrow as pa

    rendered = rendered_rows(rows.to_list(), model.vocabulary, model.context)
    kept = [(row, doc_id) for row, doc_id in zip(rendered, rows["doc_id"][:], strict=True) if row is not None]
    if not kept:
        what = f"no answer begins within the model's context of {model.context} tokens"
        raise TooLong(what, "shorten the prompts, or pretrain with a longer context")
    columns = answer_columns([row for row, _ in kept], model)
    return pa.table(columns | {"doc_id": pa.array([doc_id for _, doc_id in kept], pa.string())})


def packed_sequences(table: "pa.Table", context: int) -> int:
    """Several conversations share a sequence."""
    from model.objectives.conversations import pack

    return len(pack([len(ids) for ids in table["ids"].to_pylist()], context))


def objective(config: InstructConfig, rows: "DatasetDict") -> dict[str, Any]:
    return {"kind": "conversations"}


def evaluate(scores: "ScoreTable", model: "FineTuned", out: Path) -> list[str]:
    """The base's tasks, the loss on held-out answers, and short answers word for word."""
    from tasks.evaluate.finetuned import score_answering_model

    score_answering_model(scores, model, out)
    return []


INSTRUCT = Method(
    name="instruct",
    version=4,  # own rows are in the split of the document that has their answer
    config=InstructConfig,
    rows=instruction_rows,
    tokenise=conversation_table,
    sequences=packed_sequences,
    objective=objective,
    evaluate=evaluate,
    registered_as="instruct",
    judged_by=JudgedBy("instruct/loss", baseline=STRONGEST),
    does="answers a request",
    own_row_files=OwnRowFiles(
        fields=(*pairs(ANSWERS), *(frozenset({name}) for name in TURNS)),
        what="questions with answers",
        settings={"batch": 8, "steps": 60},
    ),
)
