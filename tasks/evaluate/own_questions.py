"""A recipe's own questions (evaluate.questions) in an evaluation: the model, its base, and the base that looks them up.

answers.jsonl   a line for each question and contestant: id, model, prompt, answer, score, kind, accepted, notes and
                passages, the documents that were looked up
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.contamination import contaminated
from tasks.evaluate.held_out import EncodedCorpus
from tasks.evaluate.score_table import Items, ScoreTable

if TYPE_CHECKING:
    from tasks.evaluate.answering import ModelAnswerer

ANSWERS = "answers.jsonl"
BASE, LOOK_UP = "base", "lookup"  # as baselines


def score_own_questions(
    table: ScoreTable, config: EvaluateConfig, corpus: EncodedCorpus, weights: tuple[Path, Path | None], out: Path
) -> list[str]:
    """Enters the scores; returns notes. `weights`: the model's, and its base's where it has one.

    A question is contaminated where the training text holds it; that it holds the answer is what is asked for.
    """
    from tasks.evaluate.exam import AnsweredQuestion, notes_in_words, take_exam
    from tasks.evaluate.question_file import read_questions
    from tasks.look_up.passage_index import build_index
    from tasks.look_up.training_text import TrainingPart

    if config.questions is None:
        return []
    asked, (own, base) = read_questions(config.questions), weights
    index = build_index([TrainingPart(corpus.shards[part], corpus.texts[part]) for part in corpus.shards])
    model = _answerer(table.role, own)
    answered: dict[str, list[AnsweredQuestion]] = {table.role: take_exam(asked.questions, model, config.answer_tokens)}
    beginner = model
    if base is not None:
        beginner = _answerer(BASE, base)
        answered[BASE] = take_exam(asked.questions, beginner, config.answer_tokens)
    answered[LOOK_UP] = take_exam(asked.questions, beginner, config.answer_tokens, index)
    ids = [question.id for question in asked.questions]
    dirty = contaminated([question.prompt for question in asked.questions], corpus.train_texts())
    items = Items(ids, ids, [1.0] * len(ids), dirty)
    for name, answers in answered.items():
        scores = [each.score for each in answers]
        if name == table.role:
            table.add(asked.name, items, scores, "higher")
        else:
            table.add_baseline(name, asked.name, items, scores)
    lines = (each.as_json(name) for name, answers in answered.items() for each in answers)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (out / ANSWERS).write_text(text, encoding="utf-8")
    return [f"{asked.name}: {name}: {note}" for name, answers in answered.items() for note in notes_in_words(answers)]


def _answerer(name: str, weights: Path) -> "ModelAnswerer":
    from model import hub
    from tasks.evaluate.answering import ModelAnswerer
    from tasks.models.prompting import prompt_builder

    return ModelAnswerer(name, hub.load(weights), prompt_builder(name, weights, today=None))
