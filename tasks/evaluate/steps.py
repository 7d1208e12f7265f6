"""The evaluations of the line: the base, and each child like the base and on what it was taught.

inputs   model      pretrain's or finetune's folder: weights/, a child's rows/
         shards, texts, tokenizer   of all partitions: what to score on, encoded as training saw it
         rows       (optional) a folder with rows/, where `model` has none: another champion on this run's rows
         seed_N     (evaluate_seeds) in place of `model`: the training of each further seed
         base       (optional) the folder of the model it began from, whose scores stand beside the child's
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.evaluate.config import EvaluateConfig
from tasks.store.step import Inputs, Stats, Step

if TYPE_CHECKING:
    from tasks.evaluate.finetuned import FineTuned
    from tasks.evaluate.held_out import EncodedCorpus
    from tasks.evaluate.score_table import ScoreTable


def evaluate_base(config: EvaluateConfig, inputs: Inputs, out: Path) -> Stats:
    """Bits per byte and multiple choice, beside n-grams, xz, chance and public models."""
    from tasks.evaluate.language import build_eval_set, score_beside_baselines
    from tasks.evaluate.own_questions import score_own_questions
    from tasks.evaluate.reference_models import compare_with_reference_models

    scores, corpus, weights = _score_table("base", config), _corpus(inputs), inputs.folder("model") / "weights"
    eval_set = build_eval_set(config, corpus, out)
    notes = score_beside_baselines(scores, config, eval_set, corpus, weights)
    notes += score_own_questions(scores, config, corpus, (weights, None), out)
    prompts = _prompts(inputs.folder("model"))[-1:]
    written = compare_with_reference_models(scores, config, eval_set, prompts)  # last: n-grams and xz have left memory
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in written)
    (out / REFERENCE_SAMPLES).write_text("".join(lines), encoding="utf-8")
    return _write(scores, out, notes)


def evaluate_seeds(config: EvaluateConfig, inputs: Inputs, out: Path) -> Stats:
    """The scores of models that differ by their seed only, each under its training's key, on the base's items."""
    from tasks.evaluate.language import build_eval_set, score_model
    from tasks.evaluate.score_table import ScoreTable

    corpus = _corpus(inputs)
    eval_set = build_eval_set(config, corpus, out)
    tables = list[ScoreTable]()
    for training in (inputs.folder(role) for role in inputs if role.startswith(SEED_ROLE)):
        tables.append(ScoreTable(training.name, config.draws, config.seed))
        score_model(tables[-1], eval_set, corpus, training / "weights")
    first, *others = tables
    for other in others:
        first.rows += other.rows
        for task, row in other.summary.items():
            first.summary[task]["baselines"][other.role] = row["value"]
    return _write(first, out, [])


def _prompts(pretrained: Path) -> list[str]:
    """The prompts that a pretraining continued while it learned."""
    samples = pretrained / "samples.jsonl"
    lines = samples.read_text(encoding="utf-8").splitlines() if samples.is_file() else []
    return list(dict.fromkeys(json.loads(line)["prompt"] for line in lines))


def evaluate_step(
    role: str, score: "Callable[[ScoreTable, FineTuned, Path], list[str]]", version: int, answers: bool
) -> Step:
    """The step evaluate/ROLE: `score` enters what a model of one method of fine-tuning is worth, and gives notes.

    `answers`: whether it is a model that own questions can be put to.
    """

    def evaluate(config: EvaluateConfig, inputs: Inputs, out: Path) -> Stats:
        from tasks.evaluate.own_questions import score_own_questions

        scores, model = _score_table(role, config), _finetuned_model(config, inputs, _corpus(inputs))
        notes = score(scores, model, out)
        if answers:
            notes += score_own_questions(scores, config, model.corpus, (model.weights, model.base), out)
        return _write(scores, out, [*model.notes(), *notes])

    return Step(f"evaluate/{role}", version, EvaluateConfig, evaluate, _LIBRARIES, code=(score,))


def _score_table(role: str, config: EvaluateConfig) -> "ScoreTable":
    from tasks.evaluate.score_table import ScoreTable

    return ScoreTable(role, config.draws, config.seed)


def _corpus(inputs: Inputs) -> "EncodedCorpus":
    from tasks.evaluate.held_out import EncodedCorpus

    return EncodedCorpus(inputs.partitions("shards"), inputs.partitions("texts"), inputs.folder("tokenizer"))


def _finetuned_model(config: EvaluateConfig, inputs: Inputs, corpus: "EncodedCorpus") -> "FineTuned":
    from tasks.evaluate.finetuned import FineTuned

    rows = inputs.folder("rows" if "rows" in inputs else "model") / "rows"
    base = inputs.folder("base") / "weights" if "base" in inputs else None
    return FineTuned(inputs.folder("model") / "weights", rows, base, corpus, config)


def _write(scores: "ScoreTable", out: Path, notes: Sequence[str]) -> Stats:
    scores.write(out)
    return Stats(metrics=scores.metrics(), notes=tuple(notes))


REFERENCE_SAMPLES = "reference_samples.jsonl"  # what public models write after one of the base's prompts
SEED_ROLE = "seed_"  # begins the roles of evaluate_seeds' models
_LIBRARIES = ("torch", "numpy", "tokenizers", "tiktoken", "scikit-learn", "bm25s")

EVALUATE_SEEDS = Step("seeds/evaluate", 1, EvaluateConfig, evaluate_seeds, _LIBRARIES)
EVALUATE_BASE = Step("evaluate/base", 2, EvaluateConfig, evaluate_base, _LIBRARIES)
