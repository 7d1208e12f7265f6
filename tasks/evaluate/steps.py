"""The evaluations of the line: the base, and each child like the base and on what it was taught.

inputs   model      pretrain's or finetune's folder: weights/, a child's rows/
         shards, texts, tokenizer   of all partitions: what to score on, encoded as training saw it
         rows       (optional) a folder with rows/, where `model` has none: another champion on this run's rows
         base       (optional) the folder of the model it began from, whose scores stand beside the child's
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.evaluate.config import EvaluateConfig
from tasks.store.step import Inputs, Stats, Step

if TYPE_CHECKING:
    from model.decoder import Decoder
    from tasks.evaluate.finetuned import FineTuned
    from tasks.evaluate.held_out import EncodedCorpus
    from tasks.evaluate.score_table import ScoreTable


def evaluate_base(config: EvaluateConfig, inputs: Inputs, out: Path) -> Stats:
    """Bits per byte and multiple choice, beside n-grams, xz, chance and public models."""
    from tasks.evaluate.language import build_eval_set, score_beside_baselines
    from tasks.evaluate.reference_models import compare_with_reference_models

    board, corpus, weights = _board("base", config), _corpus(inputs), inputs.folder("model") / "weights"
    eval_set = build_eval_set(config, corpus, out)
    notes = score_beside_baselines(board, config, eval_set, corpus, weights)
    compare_with_reference_models(board, config, eval_set)  # last: the memory of n-grams and xz is free again
    return _written(board, out, notes)


def evaluate_instruct(config: EvaluateConfig, inputs: Inputs, out: Path) -> Stats:
    """The base's tasks, the loss on held-out answers, and short answers word for word."""
    board, child, _ = _answering("instruct", config, inputs, out)
    return _written(board, out, child.notes())


def evaluate_prefer(config: EvaluateConfig, inputs: Inputs, out: Path) -> Stats:
    """What an answering model is scored on, and how it ranks chosen and rejected answers beside its parent."""
    from tasks.evaluate.preference import score_preferences

    board, child, decoder = _answering("prefer", config, inputs, out)
    notes = score_preferences(board, child, decoder)
    return _written(board, out, [*child.notes(), *notes])


def evaluate_classify(config: EvaluateConfig, inputs: Inputs, out: Path) -> Stats:
    """Accuracy, loss, macro-F1 and the confusion matrix, beside tf-idf with logistic regression."""
    from tasks.evaluate.finetuned import score_labels

    board = _board("classify", config)
    child = _taught(config, inputs, _corpus(inputs))
    score_labels(board, child, out)
    return _written(board, out, child.notes())


def _answering(
    role: str, config: EvaluateConfig, inputs: Inputs, out: Path
) -> tuple["ScoreTable", "FineTuned", "Decoder"]:
    """The scores that every model has that answers."""
    from tasks.evaluate.finetuned import score_answers
    from tasks.evaluate.language import build_eval_set, score_model

    board, corpus = _board(role, config), _corpus(inputs)
    child = _taught(config, inputs, corpus)
    decoder = score_model(board, build_eval_set(config, corpus, out), corpus, child.weights)
    score_answers(board, child, decoder)
    return board, child, decoder


def _board(role: str, config: EvaluateConfig) -> "ScoreTable":
    from tasks.evaluate.score_table import ScoreTable

    return ScoreTable(role, config.draws, config.seed)


def _corpus(inputs: Inputs) -> "EncodedCorpus":
    from tasks.evaluate.held_out import EncodedCorpus

    return EncodedCorpus(inputs.partitions("shards"), inputs.partitions("texts"), inputs.folder("tokenizer"))


def _taught(config: EvaluateConfig, inputs: Inputs, corpus: "EncodedCorpus") -> "FineTuned":
    from tasks.evaluate.finetuned import FineTuned

    rows = inputs.folder("rows" if "rows" in inputs else "model") / "rows"
    base = inputs.folder("base") / "weights" if "base" in inputs else None
    return FineTuned(inputs.folder("model") / "weights", rows, base, corpus, config)


def _written(board: "ScoreTable", out: Path, notes: Sequence[str]) -> Stats:
    board.write(out)
    return Stats(metrics=board.metrics(), notes=tuple(notes))


_LIBRARIES = ("torch", "numpy", "tokenizers", "tiktoken", "scikit-learn")

EVALUATE_BASE = Step("evaluate/base", 1, EvaluateConfig, evaluate_base, _LIBRARIES)
EVALUATE_INSTRUCT = Step("evaluate/instruct", 1, EvaluateConfig, evaluate_instruct, _LIBRARIES)
EVALUATE_CLASSIFY = Step("evaluate/classify", 1, EvaluateConfig, evaluate_classify, _LIBRARIES)
EVALUATE_PREFER = Step("evaluate/prefer", 1, EvaluateConfig, evaluate_prefer, _LIBRARIES)
