"""Public models beside ours on the same documents, in bits per byte: each reads them with its own tokenizer.

contest/SPLIT   a sample of a split, small since public models are large; `unseen` is what none of them can know if its
                sources are younger than they are
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.evaluate.board import Board
from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.held_out import Document
from tasks.evaluate.perplexity import document_bits
from tasks.given import as_folder
from tasks.progress import say
from tasks.vocabulary import END_OF_TEXT, Vocabulary

if TYPE_CHECKING:
    from tasks.evaluate.language import Exam

SPLITS = ("test", "unseen")


def hold_contest(board: Board, config: EvaluateConfig, exam: "Exam", weights: Path) -> None:
    """Enters our model and every contestant on the first documents of the splits."""
    entered = {split: _sample(exam, split, config.contest_documents) for split in SPLITS}
    entered = {split: sample for split, sample in entered.items() if sample.documents[split]}
    if not config.contestants or not entered:
        return
    own = _bits_per_byte(weights, [sample.documents[split] for split, sample in entered.items()])
    for (split, sample), scores in zip(entered.items(), own, strict=True):
        board.add(f"contest/{split}", sample.document_items(split), scores, "lower")
    for name, model in config.contestants.items():
        say(f"  scoring {name} on {sum(len(sample.documents[split]) for split, sample in entered.items())} documents")
        with tempfile.TemporaryDirectory() as work:
            theirs = _bits_per_byte(as_folder(model, Path(work)), [s.documents[split] for split, s in entered.items()])
        for (split, sample), scores in zip(entered.items(), theirs, strict=True):
            board.add_baseline(name, f"contest/{split}", sample.document_items(split), scores)


def _sample(exam: "Exam", split: str, most: int) -> "Exam":
    return replace(exam, documents={split: exam.documents[split][:most]})


def _bits_per_byte(weights: Path, splits: Sequence[Sequence[Document]]) -> list[list[float]]:
    """For each split a figure a document."""
    from model import hub

    decoder, vocabulary = hub.load(weights), Vocabulary(weights)
    scores = []
    for documents in splits:
        ids = vocabulary.encode_ordinary([document.text.decode() for document in documents])
        bits = document_bits(decoder, ids, vocabulary.specials[END_OF_TEXT])
        scores.append([own / len(document.text) for own, document in zip(bits, documents, strict=True)])
    return scores
