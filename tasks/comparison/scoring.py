"""Scores, item by item, of any model in a folder of weights: on held-out texts, on tasks, and on own questions."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.comparison.contestants import Contestant, ItemScores, ItemText, Texts
from tasks.evaluate.choices import Pair, answers, decoder_log_likelihoods
from tasks.evaluate.perplexity import document_bits, per_byte
from tasks.models.vocabulary import Vocabulary

METRICS = ("acc", "acc_norm")

if TYPE_CHECKING:
    from tasks.evaluate.answering import Answerer
    from tasks.evaluate.held_out import HeldOutDocument
    from tasks.evaluate.question_file import QuestionFile
    from tasks.evaluate.task_files import Task


def score_documents(
    name: str, weights: Path, split: str, documents: Sequence["HeldOutDocument"], contaminated: Sequence[bool | None]
) -> Contestant:
    """Bits per byte of each document, read by the model's own vocabulary; a document weighs its bytes."""
    from model import hub

    began = time.monotonic()
    vocabulary, decoder = Vocabulary(weights), hub.load(weights)
    ids = vocabulary.encode_ordinary([document.text.decode(errors="replace") for document in documents])
    bits = document_bits(decoder, ids, vocabulary.begin)
    scores = ItemScores(
        [document.doc_id for document in documents],
        np.array(per_byte(bits, documents)),
        np.array([float(len(document.text)) for document in documents]),
        [document.origin for document in documents],
        np.array([bool(is_dirty) for is_dirty in contaminated]),
        "lower",
    )
    return Contestant(name, {f"bits_per_byte/{split}": scores}, time.monotonic() - began, sum(map(len, ids)))


def score_choices(name: str, weights: Path, tasks: Sequence["Task"]) -> Contestant:
    """The share of right choices by likelihood (acc); each answer is the likeliest choice."""
    from model import hub

    began, tokens = time.monotonic(), 0
    vocabulary, decoder = Vocabulary(weights), hub.load(weights)

    def log_likelihoods(pairs: Sequence[Pair]) -> list[float]:
        nonlocal tokens
        tokens += sum(len(context) + len(continuation) for context, continuation in pairs)
        return [value for value, _ in decoder_log_likelihoods(decoder, pairs)]

    scores = dict[str, ItemScores]()
    for task in tasks:
        given = answers(task.questions, vocabulary, log_likelihoods)
        scores[f"{task.name}/acc"] = ItemScores(
            [question.item_id for question in task.questions],
            np.array([answer.acc for answer in given]),
            np.ones(len(given)),
            [question.origin for question in task.questions],
            np.zeros(len(given), bool),
            "higher",
            [
                question.choices[int(np.argmax(answer.log_likelihoods))]
                for question, answer in zip(task.questions, given, strict=True)
            ],
        )
    return Contestant(name, scores, time.monotonic() - began, tokens)


def score_questions(answerer: "Answerer", asked: "QuestionFile") -> tuple[Contestant, Texts]:
    """Scores of a user's own questions from 0 to 1, and what they ask; tokens are those of answers, where counted."""
    from tasks.evaluate.exam import take_exam

    name, began = answerer.name, time.monotonic()
    answered = take_exam(asked.questions, answerer)
    scores = _items(
        [each.question.id for each in answered],
        [each.score for each in answered],
        [each.text for each in answered],
    )
    tokens = answerer.tokens_in([each.text for each in answered])
    accepted = [" or ".join(map(str, each.as_json(name)["accepted"])) for each in answered]
    texts = {
        each.question.id: ItemText(each.question.prompt, gold) for each, gold in zip(answered, accepted, strict=True)
    }
    return Contestant(name, {asked.name: scores}, time.monotonic() - began, tokens), {asked.name: texts}


def score_named_tasks(name: str, weights: Path, tasks: Sequence[str], folder: Path) -> tuple[Contestant, Texts]:
    """Scores of lm-eval's tasks, each by its first metric, and what they ask; tokens are not counted."""
    from tasks.evaluate.harness import samples_by_name

    began = time.monotonic()
    scored, texts = dict[str, ItemScores](), dict[str, dict[str, ItemText]]()
    for task, samples in samples_by_name(weights, tasks, folder).items():
        scored[task] = _items(
            [sample.id for sample in samples],
            [sample.score for sample in samples],
            [sample.answer for sample in samples],
        )
        texts[task] = {sample.id: ItemText(sample.prompt, sample.target) for sample in samples}
    return Contestant(name, scored, time.monotonic() - began), texts


def _items(ids: Sequence[str], scores: Sequence[float], answers: Sequence[str]) -> ItemScores:
    """Items of a source of their own, which nothing contaminates as far as is known."""
    return ItemScores(ids, np.array(scores), np.ones(len(ids)), ids, np.zeros(len(ids), bool), "higher", answers)


def texts_of(tasks: Sequence["Task"]) -> Texts:
    """What the questions of multiple-choice tasks ask."""
    return {
        f"{task.name}/{metric}": {
            question.item_id: ItemText(question.context, " or ".join(question.choices[n] for n in question.gold))
            for question in task.questions
        }
        for task in tasks
        for metric in METRICS
    }
