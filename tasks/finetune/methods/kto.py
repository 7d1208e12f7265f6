"""Tuning on single answers (KTO): good ones become more probable, bad ones less, and none needs a partner.

    {"prompt": …, "completion": …, "label": true}    the conversation in any form of row_formats.py

Derived rows are those of preference tuning, taken apart: a document's own answer is good, another's is bad.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from tasks.errors import Skipped
from tasks.finetune.instructions import InstructionRows, against_others, answers_by_split, instructions
from tasks.finetune.method import STRONGEST, JudgedBy, Method, OwnRowFiles
from tasks.finetune.row_formats import ANSWERS, Row, conversation, pairs
from tasks.finetune.rows import RowSource
from tasks.finetune.settings import FinetuneSettings
from tasks.finetune.tokenised_rows import StartingModel, TooLong, answer_columns
from tasks.models.rendering import rendered_rows, with_answer

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, DatasetDict

    from tasks.evaluate.finetuned import FineTuned
    from tasks.evaluate.score_table import ScoreTable


class LabelledAnswerRows(InstructionRows):
    """Answers with whether each is good: derived from the documents, or a user's own file."""

    table: ClassVar[str] = "finetune.kto"

    def read(self, record: Row) -> Row:
        return labelled_answer(record)


class KtoConfig(LabelledAnswerRows, FinetuneSettings):
    """Which answers are good or bad, and how the instruct model (else the base) learns it: by KTO."""

    beta: float = Field(default=0.1, gt=0)  # how costly it is to leave that model
    desirable_weight: float = Field(default=1.0, ge=0)  # of a good answer's loss: more where good ones are few
    undesirable_weight: float = Field(default=1.0, ge=0)
    batch: int = Field(default=16, ge=1)  # answers
    learning_rate: float = Field(default=5e-5, gt=0)


def labelled_answer(record: Row) -> Row:
    """One answer to a prompt, and whether it is `desirable`."""
    if not isinstance(label := record.get("label"), bool):
        raise ValueError(f"no 'label': true or false is expected, not {label!r:.60}")
    return conversation(record) | {"desirable": label}


def labelled_answer_rows(config: LabelledAnswerRows, source: RowSource) -> tuple["DatasetDict", list[str]]:
    """Rows as instruction_rows gives, and `desirable`; Skipped where training rows are not of both kinds."""
    from datasets import Value

    rows, notes = instructions(config, source)
    if not config.path:
        pairs = against_others(rows)
        bad = [with_answer(row, row["rejected"]) | {"response": row["rejected"]} for row in pairs]
        rows = [row | {"desirable": True} for row in pairs] + [row | {"desirable": False} for row in bad]
    if len({row["desirable"] for row in rows if row["split"] == "train"}) < 2:
        raise Skipped("the training split lacks good answers or bad ones: " + ("; ".join(notes) or "label both kinds"))
    return answers_by_split(config, rows, {"desirable": Value("bool")}), notes


def labelled_answer_table(rows: "Dataset", model: StartingModel) -> "pa.Table":
    """ids, is_target, doc_id and desirable of each conversation that has a target within the context."""
    import pyarrow as pa

    read = rows.to_list()
    rendered = list(rendered_rows(read, model.vocabulary, model.context))
    kept = [(answer, row) for answer, row in zip(rendered, read, strict=True) if answer is not None]
    if not kept:
        what = f"no answer begins within the model's context of {model.context} tokens"
        raise TooLong(what, "shorten the prompts of finetune.kto, or pretrain with a longer context")
    columns = answer_columns([answer for answer, _ in kept], model)
    columns |= {"doc_id": pa.array([row["doc_id"] for _, row in kept], pa.string())}
    return pa.table(columns | {"desirable": pa.array([row["desirable"] for _, row in kept], pa.bool_())})


def objective(config: KtoConfig, rows: "DatasetDict") -> dict[str, Any]:
    weights = {name: getattr(config, name) for name in ("beta", "desirable_weight", "undesirable_weight")}
    return {"kind": "labelled_answers", **weights}


def evaluate(scores: "ScoreTable", model: "FineTuned", out: Path) -> list[str]:
    """The base's tasks; kto/ranking, kto/reward: for each good answer the share of bad ones with a lower value.

    The value is ln p per token, comparable between any two models, or how much ln p rose over the model before.
    """
    from model import hub
    from tasks.evaluate.instruction import target_losses
    from tasks.evaluate.language import build_eval_set, score_model
    from tasks.models.vocabulary import Vocabulary

    decoder = score_model(scores, build_eval_set(model.config, model.corpus, out), model.corpus, model.weights)
    vocabulary, rows = Vocabulary(model.weights), model.held_out()
    losses = target_losses(decoder, vocabulary, rows)
    kept = [n for n, (_, tokens) in enumerate(losses) if tokens]
    good_n = np.array([rows[n]["desirable"] for n in kept], dtype=bool)
    if good_n.all() or not good_n.any():
        return ["no held-out answers of both kinds: there is no kto/ranking"]
    tokens_n = np.array([losses[n][1] for n in kept])
    own_n = -np.array([losses[n][0] for n in kept])
    answers = [rows[n] for n, is_good in zip(kept, good_n, strict=True) if is_good]
    items = model.items(answers, [row["response"] for row in answers], [1.0] * len(answers))
    scores.add("kto/ranking", items, rank(own_n, good_n), "higher")
    scores.add_baseline("longer", "kto/ranking", items, rank(tokens_n, good_n))
    if model.base:
        before = target_losses(hub.load(model.base), Vocabulary(model.base), rows)
        before_n = -np.array([before[n][0] for n in kept])
        scores.add_baseline("base", "kto/ranking", items, rank(before_n, good_n))
        scores.add("kto/reward", items, rank((own_n - before_n) * tokens_n, good_n), "higher")
    return []


def rank(values_n: np.ndarray, good_n: np.ndarray) -> list[float]:
    """For each good answer the share of bad ones with a lower value, half of those with an equal one counted."""
    good, bad = values_n[good_n, None], values_n[None, ~good_n]
    return ((good > bad) + 0.5 * (good == bad)).mean(axis=1).tolist()


KTO = Method(
    name="kto",
    version=3,  # as finetune/instruct
    config=KtoConfig,
    rows=labelled_answer_rows,
    tokenise=labelled_answer_table,
    objective=objective,
    evaluate=evaluate,
    registered_as="instruct",
    judged_by=JudgedBy("kto/ranking", baseline=STRONGEST, margin=0.02),
    does="answers a request, tuned on good and bad answers",
    starts_from="instruct",
    own_row_files=OwnRowFiles(
        fields=(*(pair | {"label"} for pair in pairs(ANSWERS)),),
        what="answers with whether each is good",
        settings={"batch": 8, "steps": 30},
    ),
)
