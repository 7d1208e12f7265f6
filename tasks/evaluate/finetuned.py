"""Scores of a fine-tuned model beyond the base's tasks: on held-out rows, beside simple baselines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model import hub
from model.text_classifier import TextClassifier, load_classifier, softmax
from tasks.classifiers.calibrate import log_losses
from tasks.classifiers.candidates import candidate_folder, chosen_folder, present
from tasks.errors import UserError
from tasks.evaluate import classification
from tasks.evaluate.classifier_diagnosis import write_diagnosis
from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.contamination import contaminated
from tasks.evaluate.held_out import EncodedCorpus
from tasks.evaluate.instruction import exact_match, short_rows, target_losses
from tasks.evaluate.score_table import Better, Items, ScoreTable
from tasks.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from model.decoder import Decoder

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model's weights and its rows/ folder; `base` holds the weights it began from, if known."""

    weights: Path
    rows: Path
    base: Path | None
    corpus: EncodedCorpus
    config: EvaluateConfig

    @cached_property
    def dataset(self) -> Any:
        from datasets import disable_progress_bars, load_from_disk

        disable_progress_bars()
        return load_from_disk(str(self.rows))

    @cached_property
    def split(self) -> str:
        """`test`, or where it has no row `validation`: training watches its loss there and learns from no row of it."""
        split = "test" if len(self.dataset["test"]) else "validation"
        if not len(self.dataset[split]):
            raise UserError(
                "the fine-tuned model has no held-out rows", "add documents or rows, or hold more of them out"
            )
        return split

    def held_out(self) -> Rows:
        rows = self.dataset[self.split]
        return rows.select(range(min(len(rows), self.config.max_rows))).to_list()

    def notes(self) -> list[str]:
        return [] if self.split == "test" else ["there are no test rows: the model is scored on its validation rows"]

    def items(self, rows: Rows, texts: Sequence[str], weights: Sequence[float]) -> Items:
        """The rows as items; `texts` are looked up in the training text."""
        times = Counter[str]()
        ids: list[str] = []
        for row in rows:
            times[row["doc_id"]] += 1
            ids.append(row["doc_id"] if times[row["doc_id"]] == 1 else f"{row['doc_id']}~{times[row['doc_id']]}")
        dirty = contaminated(texts, self.corpus.train_texts())
        return Items(ids, [row["origin"] for row in rows], weights, dirty)


def score_answering_model(table: ScoreTable, child: FineTuned, out: Path) -> "Decoder":
    """The scores that every model has that answers: as a language model, and on held-out answers; the decoder."""
    from tasks.evaluate.language import build_eval_set, score_model

    decoder = score_model(table, build_eval_set(child.config, child.corpus, out), child.corpus, child.weights)
    score_answers(table, child, decoder)
    return decoder


def score_answers(table: ScoreTable, child: FineTuned, decoder: "Decoder") -> None:
    """Enters the loss on held-out answers beside the base's, and exact matches of short answers."""
    vocabulary, rows = Vocabulary(child.weights), child.held_out()
    losses = target_losses(decoder, vocabulary, rows)
    kept = [n for n, (_, count) in enumerate(losses) if count]
    if not kept:
        what = "no held-out answer begins within the model's context"
        raise UserError(what, "shorten the prompts, or pretrain with a longer context")
    answers = [rows[n]["response"] for n in kept]
    items = child.items([rows[n] for n in kept], answers, [float(losses[n][1]) for n in kept])
    table.add("instruct/loss", items, [losses[n][0] for n in kept], "lower")
    if child.base:
        before = target_losses(hub.load(child.base), Vocabulary(child.base), rows)
        table.add_baseline("base", "instruct/loss", items, [before[n][0] for n in kept])
    short = [rows[n] for n in short_rows(vocabulary, rows, child.config.exact_answers)]
    if short:
        _score_exact_matches(table, child, decoder, short)


def score_labels(table: ScoreTable, child: FineTuned, out: Path) -> list[str]:
    """Enters accuracy, loss and macro-F1 of the model beside the other candidates; confusion, calibration, mistakes."""
    train = child.dataset["train"]
    names = train.features["label"].names
    rows = child.held_out()
    texts, labels = [row["text"] for row in rows], np.array([row["label"] for row in rows])
    classifiers = {name: _classifier(folder, names) for name, folder in _competitors(table.role, child).items()}
    logits = {name: classifier.scorer.logits(texts) for name, classifier in classifiers.items()}
    heat = {name: classifier.classes.temperature for name, classifier in classifiers.items()}
    answers = {name: softmax(logits_nc / heat[name]) for name, logits_nc in logits.items()}
    answers["majority"] = classification.majority_probabilities(train["label"][:], len(rows), len(names))
    items = child.items(rows, texts, [1.0] * len(rows))
    accuracies = {name: classification.accuracies(p, labels) for name, p in answers.items()}
    _enter(table, "classify/accuracy", items, accuracies, "higher")
    _enter(table, "classify/loss", items, {name: log_losses(p, labels) for name, p in answers.items()}, "lower")
    metrics = {
        name: classification.macro_f1_interval(p, labels, items.origins, table.draws, table.seed)
        for name, p in answers.items()
    }
    own = metrics.pop(table.role)
    table.add_metric("classify/macro_f1", own, len(rows), {name: value for name, (value, _, _) in metrics.items()})
    classification.write_confusion(classification.confusion(answers[table.role], labels).sum(0), names, out)
    return [write_diagnosis(logits[table.role], heat[table.role], rows, names, out)]


def _competitors(role: str, child: FineTuned) -> dict[str, Path]:
    """The folder of the model, and of each candidate of the same fine-tuning that is not the model."""
    trained = child.weights.parent
    chosen = chosen_folder(trained)
    others = {kind: candidate_folder(trained, kind) for kind in present(trained)}
    return {role: chosen} | {kind: folder for kind, folder in others.items() if folder != chosen}


def _classifier(folder: Path, names: Sequence[str]) -> TextClassifier:
    classifier = load_classifier(folder)
    if tuple(names) != classifier.labels:
        raise UserError(
            f"the model's classes are {classifier.labels}, the rows' {names}", "run finetune/classify again"
        )
    return classifier


def _enter(table: ScoreTable, task: str, items: Items, scores: dict[str, list[float]], better: Better) -> None:
    table.add(task, items, scores.pop(table.role), better)
    for name, theirs in scores.items():
        table.add_baseline(name, task, items, theirs)


def _score_exact_matches(table: ScoreTable, child: FineTuned, decoder: "Decoder", rows: Rows) -> None:
    """Enters exact matches, beside a baseline that always gives the commonest answer to that kind of question."""
    vocabulary = Vocabulary(child.weights)
    items = child.items(rows, [row["response"] for row in rows], [1.0] * len(rows))
    table.add("instruct/exact", items, [float(exact_match(decoder, vocabulary, row)) for row in rows], "higher")
    given: dict[str, Counter[str]] = {}
    for row in child.dataset["train"].select_columns(["kind", "response"]).to_list():
        given.setdefault(row["kind"], Counter())[row["response"]] += 1
    commonest = {kind: max(counts, key=lambda answer: (counts[answer], answer)) for kind, counts in given.items()}
    scores = [float(row["response"] == commonest.get(row["kind"])) for row in rows]
    table.add_baseline("majority", "instruct/exact", items, scores)
