"""Classification: a text's class, learned by a head on the base and as much of the base as the recipe says.

Beside it stand simpler candidates (tasks/classifiers/): the simplest one that none beats is the model.

Rows of a user's own are {"text": …, "label": …}; derived ones are SQL over the documents' columns.
"""

import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tasks.classifiers.candidates import candidate_folder, chosen_folder
from tasks.errors import Skipped
from tasks.finetune.columns import Documents
from tasks.finetune.method import STRONGEST, Extra, JudgedBy, Method
from tasks.finetune.own_rows import OwnRows, own_rows
from tasks.finetune.row_formats import Row, text_of
from tasks.finetune.rows import RowSource, as_splits, first_by_hash
from tasks.finetune.settings import FinetuneSettings
from tasks.finetune.tokenised_rows import StartingModel, ids_column
from tasks.tables.query import statement

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, DatasetDict

    from tasks.evaluate.finetuned import FineTuned
    from tasks.evaluate.score_table import ScoreTable


TABLE = "finetune.classify"  # of the recipe: where a mistake is to be corrected


class LabelledRows(OwnRows):
    """Texts with labels: SQL over the documents' columns, or a user's own file."""

    label: str | None = None  # SQL: a document's label; NULL is no row
    text: str = "text"  # SQL: what is classified
    max_rows: int = Field(default=2_000, ge=1)  # of one class in one split

    def read(self, record: Row) -> Row:
        return labelled(record)

    def expressions(self) -> Iterator[tuple[str, str]]:
        yield from (("label", self.label),) if self.label is not None else ()
        yield from (("text", self.text),) if self.text != "text" else ()


class ClassifyConfig(LabelledRows, FinetuneSettings):
    """Which labels, which part of the network learns them, and how."""

    trainable: Literal["head", "last_block", "full"] = "full"
    head_scale: float = Field(default=10.0, gt=0)  # a classifier's head begins from nothing


def labelled(record: Row) -> Row:
    """One text and its label: no space around it, a whole number without a point, and not-a-number is none."""
    text, label = text_of(record, "text"), record.get("label")
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    is_nan = isinstance(label, float) and math.isnan(label)
    if label is None or isinstance(label, dict | list) or is_nan or not str(label).strip():
        raise ValueError("no label")
    return {"text": text, "label": str(label).strip(), "question": text}


def labelled_rows(config: LabelledRows, source: RowSource) -> tuple["DatasetDict", list[str]]:
    """Rows text, label, origin, doc_id by split, and notes; Skipped where there are fewer than two classes."""
    from datasets import ClassLabel, Features, Value

    if config.path:
        rows, notes = own_rows(config)
        rows, placed = source.own(rows)
        rows, notes = first_by_hash(rows, config.max_rows, config.seed, ("split", "label")), [*notes, *placed]
    else:
        rows, notes = _derived_labels(config, source.documents()), []
    classes = sorted({row["label"] for row in rows if row["split"] == "train"})
    if len(classes) < 2:
        present = f"only {classes[0]!r}" if classes else "none"
        raise Skipped(f"a classifier needs two classes or more, and the training rows have {present}")
    spelt = Counter(" ".join(name.lower().split()) for name in classes)
    if alike := [name for name in classes if spelt[" ".join(name.lower().split())] > 1]:
        notes = [*notes, f"labels that differ in case or spaces only are classes of their own: {', '.join(alike)}"]
    unknown = Counter(row["label"] for row in rows if row["label"] not in classes)
    if unknown:
        notes = [*notes, f"left out, as no training row has their label: {dict(sorted(unknown.items()))}"]
    strings = dict.fromkeys(("text", "origin", "doc_id"), Value("string"))
    features = Features({"text": strings["text"], "label": ClassLabel(names=classes), **strings})
    return as_splits([row for row in rows if row["label"] in classes], features, TABLE), notes


def labelled_table(rows: "Dataset", model: StartingModel) -> "pa.Table":
    """ids (of the text's first `context` tokens), label and doc_id of each row."""
    import pyarrow as pa

    ids = [encoded[: model.context] for encoded in model.vocabulary.encode_documents(rows["text"][:])]
    columns = {"ids": ids_column(ids, model), "label": pa.array(rows["label"][:], pa.int64())}
    return pa.table(columns | {"doc_id": pa.array(rows["doc_id"][:], pa.string())})


def objective(config: ClassifyConfig, rows: "DatasetDict") -> dict[str, Any]:
    labels = rows["train"].features["label"].names
    return {"kind": "labelled", "labels": labels, "trainable": config.trainable}


def candidates(
    config: ClassifyConfig, rows: "DatasetDict", tables: "Mapping[str, pa.Table]", model: StartingModel, out: Path
) -> Extra:
    """Fits what competes with the network on the same rows, and chooses on the validation rows.

    The head on the frozen base reads as many rows as the training did: it costs a third of it at most.
    """
    from tasks.classifiers.choose import choose
    from tasks.classifiers.fit import fit_head, fit_tfidf

    shutil.rmtree(out / "candidates", ignore_errors=True)  # of a try that was ended
    train, names = rows["train"], rows["train"].features["label"].names
    fit_tfidf(train["text"][:], train["label"][:], names, candidate_folder(out, "tfidf"))
    read = tables["train"].slice(0, config.steps * config.batch if config.steps else len(train))
    ids, labels = read["ids"].to_pylist(), read["label"].to_pylist()
    if len({*labels}) == len(names):
        fit_head(model.weights, ids, labels, names, candidate_folder(out, "features"))
    choice = choose(out, rows["validation"]["text"][:], rows["validation"]["label"][:])
    choice.write(out)
    return {f"{kind}_val_accuracy": scores.accuracy for kind, scores in choice.candidates.items()}, [choice.why]


def evaluate(scores: "ScoreTable", model: "FineTuned", out: Path) -> list[str]:
    """Accuracy, loss, macro-F1 and the confusion matrix of the chosen candidate, beside the others and the majority."""
    from tasks.evaluate.finetuned import score_labels

    return score_labels(scores, model, out)


def _derived_labels(config: LabelledRows, table: Documents) -> list[Row]:
    if config.label is None:
        raise Skipped(f"{TABLE} has neither a label nor a path, so there is nothing to learn")
    label_key, text_key = f"{TABLE}.label", f"{TABLE}.text"
    absent = {*table.missing(config.label, label_key), *table.missing(config.text, text_key)}
    if absent:
        raise Skipped(f"no document has {', '.join(sorted(absent))}; the columns are {', '.join(table.columns)}")
    for key, expression in ((label_key, config.label), (text_key, config.text)):  # so that an error names its key
        table.check(expression, key)
    values = {"_text": f"cast(({config.text}\n) as varchar)", "_label": f"cast(({config.label}\n) as varchar)"}
    params = {"salt": f"{config.seed} ", "max_rows": config.max_rows}
    return table.query(statement("internal/finetune_labels.sql"), params, label_key, values).to_pylist()


CLASSIFY = Method(
    name="classify",
    beside=candidates,
    model_folder=chosen_folder,
    version=3,
    evaluate_version=3,
    config=ClassifyConfig,
    rows=labelled_rows,
    tokenise=labelled_table,
    objective=objective,
    evaluate=evaluate,
    registered_as="classify",
    judged_by=JudgedBy("classify/accuracy", baseline=STRONGEST, margin=0.02),
    does="names the class of a text",
    answers=False,
    takes="text",
)
