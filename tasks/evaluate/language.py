"""What every model is scored on as a language model: bits per byte of held-out documents, and multiple choice."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.evaluate.baselines import NGramBaseline, xz_bits
from tasks.evaluate.choices import Answer, answers, decoder_log_likelihoods
from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.contamination import contaminated
from tasks.evaluate.held_out import Corpus, Document, in_vocabulary
from tasks.evaluate.next_passage import write_next_passage
from tasks.evaluate.perplexity import document_bits, per_byte
from tasks.evaluate.score_table import Items, ScoreTable
from tasks.evaluate.task_files import Question, Task, read_task
from tasks.models.vocabulary import END_OF_TEXT

if TYPE_CHECKING:
    from model.decoder import Decoder

SPLITS = ("validation", "test", "unseen")


@dataclass(frozen=True)
class EvalSet:
    """The items of one evaluation, and which of them stand in the training text."""

    documents: dict[str, list[Document]]
    tasks: list[Task]
    is_contaminated: dict[str, bool | None]  # by item id

    def document_items(self, documents: Sequence[Document]) -> Items:
        """Documents as items: each weighs its bytes."""
        ids, origins = [document.doc_id for document in documents], [document.origin for document in documents]
        sizes = [float(len(document.text)) for document in documents]
        return Items(ids, origins, sizes, [self.is_contaminated[name] for name in ids])

    def question_items(self, task: Task) -> Items:
        ids = [question.item_id for question in task.questions]
        origins = [question.origin for question in task.questions]
        return Items(ids, origins, [1.0] * len(ids), [self.is_contaminated[name] for name in ids])


def build_eval_set(config: EvaluateConfig, corpus: Corpus, out: Path) -> EvalSet:
    """Held-out documents, a task made of them (written to `out`), and the recipe's own tasks."""
    documents = {split: corpus.held_out(split, config.max_documents) for split in SPLITS}
    if not any(documents.values()):
        what = "there is no document to evaluate on: the validation and the test split are empty"
        raise UserError(what, "add documents, or give the splits a larger share (curate.split)")
    made = write_next_passage(documents["test"], config.next_passage, out / "next_passage")
    tasks = [_shortened(read_task(path), config) for path in ([made] if made else []) + list(config.tasks)]
    texts = {d.doc_id: d.text.decode() for split in SPLITS for d in documents[split]}
    for question in (question for task in tasks for question in task.questions):
        texts[question.item_id] = _said(question)
    found = contaminated(list(texts.values()), corpus.train_texts())
    return EvalSet(documents, tasks, dict(zip(texts, found, strict=True)))


def score_model(board: ScoreTable, eval_set: EvalSet, corpus: Corpus, weights: Path) -> "Decoder":
    """Enters a model's own scores; the decoder, for what else is to be asked of it."""
    from model import hub

    decoder = hub.load(weights)
    for split in (split for split in SPLITS if eval_set.documents[split]):
        documents = eval_set.documents[split]
        vocabulary, ids = in_vocabulary(documents, corpus, weights)
        bits = document_bits(decoder, ids, vocabulary.specials[END_OF_TEXT])
        board.add(f"bits_per_byte/{split}", eval_set.document_items(documents), per_byte(bits, documents), "lower")
    vocabulary, _ = in_vocabulary([], corpus, weights)
    for task in eval_set.tasks:
        found = answers(
            task.questions, vocabulary, lambda pairs: [own for own, _ in decoder_log_likelihoods(decoder, pairs)]
        )
        for name, scores in _by_metric(found).items():
            board.add(f"{task.name}/{name}", eval_set.question_items(task), scores, "higher")
    return decoder


def score_beside_baselines(
    board: ScoreTable, config: EvaluateConfig, eval_set: EvalSet, corpus: Corpus, weights: Path
) -> list[str]:
    """The same with n-grams and xz beside it; xz reads in a thread of its own meanwhile. Notes for who watches."""
    train = corpus.trained_on(config.baseline_bytes)
    splits = [split for split in SPLITS if eval_set.documents[split]]
    with ThreadPoolExecutor(1) as thread:
        text = b"\n".join(corpus.vocabulary.decode_bytes(tokens.tolist()) for tokens in train)
        asked = [[document.text for document in eval_set.documents[split]] for split in splits]
        xz = thread.submit(xz_bits, text, asked) if config.xz else None
        score_model(board, eval_set, corpus, weights)
        ngrams = NGramBaseline(
            train, [d.tokens for d in eval_set.documents["validation"]], corpus.vocabulary.size, config.ngram_order
        )
        _enter_ngrams(board, eval_set, corpus, ngrams)
        for split, bits in zip(splits, xz.result() if xz else [], strict=bool(xz)):
            size = float(sum(len(document.text) for document in eval_set.documents[split]))
            board.add_baseline("xz", f"bits_per_byte/{split}", Items([split], [split], [size], [None]), [bits / size])
    notes = [f"the n-gram baseline has order {ngrams.order}, the best on validation"]
    notes += [f"{name} is left out: {why}" for name, why in config.absent.items()]
    if len(text) >= config.baseline_bytes:
        notes.append(f"n-grams and xz read the first {len(text):,} bytes of the training text only")
    return notes


def _enter_ngrams(board: ScoreTable, eval_set: EvalSet, corpus: Corpus, ngrams: NGramBaseline) -> None:
    for split in (split for split in SPLITS if eval_set.documents[split]):
        documents = eval_set.documents[split]
        bits = ngrams.bits([document.tokens for document in documents])
        scores = per_byte(bits, documents)
        board.add_baseline("ngram", f"bits_per_byte/{split}", eval_set.document_items(documents), scores)
    for task in eval_set.tasks:
        found = answers(task.questions, corpus.vocabulary, ngrams.log_likelihoods)
        chance = [len(question.gold) / len(question.choices) for question in task.questions]
        for name, scores in _by_metric(found).items():
            board.add_baseline("ngram", f"{task.name}/{name}", eval_set.question_items(task), scores)
            board.add_baseline("chance", f"{task.name}/{name}", eval_set.question_items(task), chance)


def _by_metric(found: Sequence[Answer]) -> dict[str, list[float]]:
    return {"acc": [answer.acc for answer in found], "acc_norm": [answer.acc_norm for answer in found]}


def _said(question: Question) -> str:
    return question.context + question.delimiter + question.choices[question.gold[0]]


def _shortened(task: Task, config: EvaluateConfig) -> Task:
    return Task(task.name, task.questions[: config.max_questions])
