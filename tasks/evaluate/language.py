"""Scores of a model as a language model: bits per byte of held-out documents, and multiple choice."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.evaluate.baselines import NGramBaseline, xz_bits
from tasks.evaluate.choices import Answer, answers, decoder_log_likelihoods
from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.contamination import contaminated
from tasks.evaluate.held_out import EncodedCorpus, HeldOutDocument, in_vocabulary
from tasks.evaluate.next_passage import write_next_passage
from tasks.evaluate.perplexity import document_bits, per_byte
from tasks.evaluate.score_table import Items, ScoreTable
from tasks.evaluate.task_files import Task, read_task
from tasks.models.vocabulary import Vocabulary
from tasks.readable_numbers import bytes_in_words

if TYPE_CHECKING:
    from model.decoder import Decoder

SPLITS = ("validation", "test", "unseen")


@dataclass(frozen=True)
class EvalSet:
    """The items of one evaluation, and which of them are contaminated by the training text."""

    documents: dict[str, list[HeldOutDocument]]
    tasks: list[Task]
    is_contaminated: dict[str, bool | None]  # by item id

    def document_items(self, documents: Sequence[HeldOutDocument]) -> Items:
        """Documents as items: each weighs its bytes."""
        ids, origins = [document.doc_id for document in documents], [document.origin for document in documents]
        sizes = [float(len(document.text)) for document in documents]
        return Items(ids, origins, sizes, [self.is_contaminated[name] for name in ids])

    def question_items(self, task: Task) -> Items:
        ids = [question.item_id for question in task.questions]
        origins = [question.origin for question in task.questions]
        return Items(ids, origins, [1.0] * len(ids), [self.is_contaminated[name] for name in ids])


def build_eval_set(config: EvaluateConfig, corpus: EncodedCorpus, out: Path) -> EvalSet:
    """Held-out documents, a task made of them (written to `out`), and the recipe's own tasks."""
    documents = {split: corpus.held_out(split, config.max_documents) for split in SPLITS}
    if not any(documents.values()):
        what = "there is no document to evaluate on: the validation and the test split are empty"
        raise UserError(what, "add documents, or give the splits a larger share (curate.split)")
    own = write_next_passage(documents["test"], config.next_passage, out / "next_passage")
    read = map(read_task, ([own] if own else []) + list(config.tasks))
    tasks = [Task(task.name, task.questions[: config.max_questions]) for task in read]
    texts = {d.doc_id: d.text.decode() for split in SPLITS for d in documents[split]}
    for question in (question for task in tasks for question in task.questions):
        texts[question.item_id] = question.context + question.delimiter + question.choices[question.gold[0]]
    is_contaminated = contaminated(list(texts.values()), corpus.train_texts())
    return EvalSet(documents, tasks, dict(zip(texts, is_contaminated, strict=True)))


def score_model(table: ScoreTable, eval_set: EvalSet, corpus: EncodedCorpus, weights: Path) -> "Decoder":
    """Enters a model's own scores; returns its decoder, for the scores that follow."""
    from model import hub

    decoder = hub.load(weights)
    for split in (split for split in SPLITS if eval_set.documents[split]):
        documents = eval_set.documents[split]
        vocabulary, ids = in_vocabulary(documents, corpus, weights)
        bits = document_bits(decoder, ids, vocabulary.begin)
        table.add(f"bits_per_byte/{split}", eval_set.document_items(documents), per_byte(bits, documents), "lower")
    vocabulary, _ = in_vocabulary([], corpus, weights)
    _enter_answers(table, eval_set, decoder, vocabulary)
    return decoder


def score_task_files(weights: Path, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """One row per metric of multiple-choice tasks given by path, which no training text is searched for."""
    from model import hub

    tasks, config = [read_task(path) for path in paths], EvaluateConfig()
    ids = [question.item_id for task in tasks for question in task.questions]
    table = ScoreTable("model", config.draws, config.seed)
    eval_set = EvalSet(documents={}, tasks=tasks, is_contaminated=dict.fromkeys(ids))
    _enter_answers(table, eval_set, hub.load(weights).eval(), Vocabulary(weights))
    return table.values()


def score_beside_baselines(
    table: ScoreTable, config: EvaluateConfig, eval_set: EvalSet, corpus: EncodedCorpus, weights: Path
) -> list[str]:
    """Enters a model's scores beside those of n-grams and of xz, which runs in a thread meanwhile; returns notes."""
    train = corpus.trained_on(config.baseline_bytes)
    splits = [split for split in SPLITS if eval_set.documents[split]]
    with ThreadPoolExecutor(1) as thread:
        text = b"\n".join(corpus.vocabulary.decode_bytes(tokens.tolist()) for tokens in train)
        held_out = [[document.text for document in eval_set.documents[split]] for split in splits]
        xz = thread.submit(xz_bits, text, held_out) if config.xz else None
        score_model(table, eval_set, corpus, weights)
        ngrams = NGramBaseline(
            train, [d.tokens for d in eval_set.documents["validation"]], corpus.vocabulary.size, config.ngram_order
        )
        _enter_ngrams(table, eval_set, corpus, ngrams)
        for split, bits in zip(splits, xz.result() if xz else [], strict=bool(xz)):
            size = float(sum(len(document.text) for document in eval_set.documents[split]))
            table.add_baseline("xz", f"bits_per_byte/{split}", Items([split], [split], [size], [None]), [bits / size])
    notes = [f"the n-gram baseline has order {ngrams.order}, the best on validation"]
    notes += [f"{name} is left out: {why}" for name, why in config.absent.items()]
    if len(text) >= config.baseline_bytes:
        notes.append(f"n-grams and xz read the first {bytes_in_words(len(text))} of the training text only")
    return notes


def _enter_answers(table: ScoreTable, eval_set: EvalSet, decoder: "Decoder", vocabulary: Vocabulary) -> None:
    for task in eval_set.tasks:
        own = answers(
            task.questions, vocabulary, lambda pairs: [value for value, _ in decoder_log_likelihoods(decoder, pairs)]
        )
        for name, scores in _by_metric(own).items():
            table.add(f"{task.name}/{name}", eval_set.question_items(task), scores, "higher")


def _enter_ngrams(table: ScoreTable, eval_set: EvalSet, corpus: EncodedCorpus, ngrams: NGramBaseline) -> None:
    for split in (split for split in SPLITS if eval_set.documents[split]):
        documents = eval_set.documents[split]
        bits = ngrams.bits([document.tokens for document in documents])
        scores = per_byte(bits, documents)
        table.add_baseline("ngram", f"bits_per_byte/{split}", eval_set.document_items(documents), scores)
    for task in eval_set.tasks:
        own = answers(task.questions, corpus.vocabulary, ngrams.log_likelihoods)
        chance = [len(question.gold) / len(question.choices) for question in task.questions]
        for name, scores in _by_metric(own).items():
            table.add_baseline("ngram", f"{task.name}/{name}", eval_set.question_items(task), scores)
            table.add_baseline("chance", f"{task.name}/{name}", eval_set.question_items(task), chance)


def _by_metric(given: Sequence[Answer]) -> dict[str, list[float]]:
    return {"acc": [answer.acc for answer in given], "acc_norm": [answer.acc_norm for answer in given]}
