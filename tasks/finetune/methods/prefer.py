"""Preference tuning (DPO): of two answers to one prompt, the better one becomes more probable.

    {"prompt": …, "chosen": …, "rejected": …}    the prompt and the answers in any form of row_formats.py,
                                                 or chosen and rejected as whole conversations that begin alike

Derived pairs set a document's own answer to a template against the answer that another document gave to the same kind
of question: what is preferred is the answer that fits its prompt.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tasks.errors import Skipped
from tasks.finetune.instructions import InstructionRows, against_others, answers_by_split, instructions
from tasks.finetune.method import STRONGEST, JudgedBy, Method, OwnRowFiles
from tasks.finetune.row_formats import ANSWERS, PROMPTS, TURNS, Row, conversation
from tasks.finetune.rows import RowSource
from tasks.finetune.settings import FinetuneSettings
from tasks.finetune.tokenised_rows import StartingModel, TooLong, answer_columns
from tasks.models.rendering import rendered_rows, with_answer

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, DatasetDict

    from tasks.evaluate.finetuned import FineTuned
    from tasks.evaluate.score_table import ScoreTable

SIDES = ("chosen", "rejected")
RESPONSES = ("chosen_response", "rejected_response")  # as some name them
HH_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):")


class PreferenceRows(InstructionRows):
    """Chosen and rejected answers: templates over the documents' columns, or a user's own file."""

    table: ClassVar[str] = "finetune.prefer"

    def read(self, record: Row) -> Row:
        return preference(record)


class PreferConfig(PreferenceRows, FinetuneSettings):
    """Which answers are preferred to which, and how the instruct model (else the base) learns it: by DPO."""

    beta: float = Field(default=0.1, gt=0)  # how costly it is to leave that model
    batch: int = Field(default=8, ge=1)  # pairs
    learning_rate: float = Field(default=5e-5, gt=0)


def preference_rows(config: PreferenceRows, source: RowSource) -> tuple["DatasetDict", list[str]]:
    """Rows as instruction_rows gives, the response being the chosen one, and `rejected`; by split, and notes."""
    from datasets import Value

    rows, notes = instructions(config, source)
    if not config.path:
        rows = against_others(rows)
    if not any(row["split"] == "train" for row in rows):
        raise Skipped("no pair of answers for the training split: " + ("; ".join(notes) or "no two answers differ"))
    return answers_by_split(config, rows, {"rejected": Value("string")}), notes


def preference(record: Row) -> Row:
    """One pair: answers to a prompt of its own, or whole conversations that differ in their last turn only."""
    keys = dict(zip(SIDES, RESPONSES if RESPONSES[0] in record else SIDES, strict=True))
    rest = {name: value for name, value in record.items() if name not in (*keys.values(), *ANSWERS)}
    answers = {side: record.get(key) for side, key in keys.items()}
    are_whole = all(isinstance(answer, list) and len(answer) > 1 for answer in answers.values())
    if are_whole:  # a prompt beside them says the same again
        rest = {name: value for name, value in rest.items() if name not in (*PROMPTS, *TURNS)}
    if any(name in rest for name in (*PROMPTS, *TURNS)):
        read = {side: conversation(rest | {"response": answer}) for side, answer in answers.items()}
    else:
        read = {side: conversation(rest | {"messages": _whole(answer)}) for side, answer in answers.items()}
    chosen, rejected = read["chosen"], read["rejected"]
    if chosen["question"] != rejected["question"]:
        raise ValueError("chosen and rejected answer different prompts")
    if chosen["response"] == rejected["response"]:
        raise ValueError("chosen and rejected are the same answer")
    return chosen | {"rejected": rejected["response"]}


def _whole(conversation: Any) -> Any:
    """The turns of a whole conversation: a list of messages, or a text with the marks of Anthropic's HH data set."""
    if not isinstance(conversation, str):
        return conversation
    _, *turns = HH_TURN.split(conversation)
    if not turns:
        raise ValueError("no 'prompt', and no turns of `Human:` and `Assistant:` in the answers: give the prompt")
    return [{"role": role.lower(), "content": text.strip()} for role, text in zip(turns[::2], turns[1::2], strict=True)]


def preference_table(rows: "Dataset", model: StartingModel) -> "pa.Table":
    """Ids and targets of both answers, and doc_id, of each pair of which both have a target within the context."""
    import pyarrow as pa

    read = rows.to_list()
    sides = {"chosen": read, "rejected": [with_answer(row, row["rejected"]) for row in read]}
    rendered = {side: list(rendered_rows(some, model.vocabulary, model.context)) for side, some in sides.items()}
    whole = [n for n in range(len(read)) if all(answers[n] is not None for answers in rendered.values())]
    if not whole:
        what = f"in no pair both answers begin within the model's context of {model.context} tokens"
        raise TooLong(what, "shorten the prompts of finetune.prefer, or pretrain with a longer context")
    columns = {"doc_id": pa.array([read[n]["doc_id"] for n in whole], pa.string())}
    for side, answers in rendered.items():
        kept = [row for n in whole if (row := answers[n]) is not None]
        columns |= answer_columns(kept, model, side)
    return pa.table(columns)


def objective(config: PreferConfig, rows: "DatasetDict") -> dict[str, Any]:
    return {"kind": "preferences", "beta": config.beta}


def evaluate(scores: "ScoreTable", model: "FineTuned", out: Path) -> list[str]:
    """What an answering model is scored on, and how it ranks chosen and rejected answers beside the model before."""
    from tasks.evaluate.finetuned import score_answering_model
    from tasks.evaluate.preference import score_preferences

    decoder = score_answering_model(scores, model, out)
    return score_preferences(scores, model, decoder)


PREFER = Method(
    name="prefer",
    version=4,  # as finetune/instruct
    config=PreferConfig,
    rows=preference_rows,
    tokenise=preference_table,
    objective=objective,
    evaluate=evaluate,
    registered_as="instruct",  # a preference-tuned model is a version of it
    judged_by=JudgedBy("prefer/ranking", baseline=STRONGEST, margin=0.02),
    does="answers a request, tuned on preferences",
    starts_from="instruct",
    own_row_files=OwnRowFiles(
        fields=(*(frozenset({prompt, *SIDES}) for prompt in PROMPTS),),
        what="pairs of answers, the better one chosen",
        settings={"batch": 8, "steps": 30},
    ),
)
