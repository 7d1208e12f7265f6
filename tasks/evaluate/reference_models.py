"""Public models beside ours on the same documents, in bits per byte: each reads them with its own tokenizer.

contest/SPLIT   a sample of a split, small since public models are large; `unseen` is what none of them can know if its
                sources are younger than they are
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.held_out import Document
from tasks.evaluate.perplexity import document_bits
from tasks.evaluate.score_table import ScoreTable
from tasks.models.pretrained import copy_tokenizer, decoder_of
from tasks.models.vocabulary import END_OF_TEXT, Vocabulary
from tasks.progress import say

if TYPE_CHECKING:
    from model.decoder import Decoder
    from tasks.evaluate.language import EvalSet

SPLITS = ("test", "unseen")


def compare_with_reference_models(board: ScoreTable, config: EvaluateConfig, exam: "EvalSet", weights: Path) -> None:
    """Enters our model and every contestant on the first documents of the splits."""
    from model import hub

    entered = {split: _sample(exam, split, config.contest_documents) for split in SPLITS}
    entered = {split: sample for split, sample in entered.items() if sample.documents[split]}
    if not config.contestants or not entered:
        return
    splits = [sample.documents[split] for split, sample in entered.items()]
    own = _bits_per_byte(hub.load(weights), Vocabulary(weights), splits)
    for (split, sample), scores in zip(entered.items(), own, strict=True):
        board.add(f"contest/{split}", sample.document_items(split), scores, "lower")
    for name, model in config.contestants.items():
        say(f"  scoring {name} on {sum(map(len, splits))} documents")
        with tempfile.TemporaryDirectory() as folder:
            copy_tokenizer(model, Path(folder))
            vocabulary = Vocabulary(Path(folder))
        theirs = _bits_per_byte(decoder_of(model), vocabulary, splits)
        for (split, sample), scores in zip(entered.items(), theirs, strict=True):
            board.add_baseline(name, f"contest/{split}", sample.document_items(split), scores)


def _sample(exam: "EvalSet", split: str, most: int) -> "EvalSet":
    return replace(exam, documents={split: exam.documents[split][:most]})


def _bits_per_byte(
    decoder: "Decoder", vocabulary: Vocabulary, splits: Sequence[Sequence[Document]]
) -> list[list[float]]:
    """For each split a figure a document."""
    scores = []
    for documents in splits:
        ids = vocabulary.encode_ordinary([document.text.decode() for document in documents])
        bits = document_bits(decoder, ids, vocabulary.specials[END_OF_TEXT])
        scores.append([own / len(document.text) for own, document in zip(bits, documents, strict=True)])
    return scores
