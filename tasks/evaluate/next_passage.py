"""A multiple-choice task made of the corpus' own test documents: which passage continues this one?

The true continuation stands among three taken from other source texts, cut at the same place and to the same number of
words, so that neither length nor position gives it away. Written in lm-eval's format.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path

import yaml

from tasks.evaluate.held_out import HeldOutDocument

TASK = "next_passage"
CONTEXT_WORDS, CHOICE_WORDS = 48, 16
CHOICES = 4
TASK_YAML = {
    "task": TASK,
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": f"{TASK}.jsonl"}},
    "output_type": "multiple_choice",
    "test_split": "test",
    "doc_to_text": "context",
    "doc_to_choice": "choices",
    "doc_to_target": "gold",
    "target_delimiter": " ",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}


def write_next_passage(documents: Sequence[HeldOutDocument], most: int, folder: Path) -> Path | None:
    """The YAML file beside its JSON lines; None where there are too few documents of different source texts."""
    passages = [(document, document.text.decode().split()) for document in documents]
    passages = [passage for passage in passages if len(passage[1]) >= CONTEXT_WORDS + CHOICE_WORDS]
    if most < 1 or len({document.origin for document, _ in passages}) < 2:
        return None
    passages.sort(key=lambda passage: hashlib.sha256(passage[0].doc_id.encode()).digest())
    rows = [row for passage in passages[:most] if (row := _row(passage, passages))]
    if not rows:
        return None
    folder.mkdir(parents=True)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{TASK}.jsonl").write_text(lines, encoding="utf-8")
    about = "# For lm-eval: run it in this folder, with --include_path .\n"
    path = folder / f"{TASK}.yaml"
    path.write_text(about + yaml.safe_dump(TASK_YAML, sort_keys=False), encoding="utf-8")
    return path


Passage = tuple[HeldOutDocument, list[str]]


def _row(passage: Passage, others: Sequence[Passage]) -> dict[str, object] | None:
    document, words = passage
    draw = random.Random(document.doc_id)
    strangers = [words for other, words in others if other.origin != document.origin]
    choices = [_continuation(words)]
    for stranger in draw.sample(strangers, len(strangers)):
        if len(choices) < CHOICES and _continuation(stranger) not in choices:
            choices.append(_continuation(stranger))
    if len(choices) < CHOICES:
        return None
    order = draw.sample(range(CHOICES), CHOICES)
    return {
        "id": document.doc_id,
        "origin": document.origin,
        "context": " ".join(words[:CONTEXT_WORDS]),
        "choices": [choices[n] for n in order],
        "gold": order.index(0),
    }


def _continuation(words: list[str]) -> str:
    return " ".join(words[CONTEXT_WORDS : CONTEXT_WORDS + CHOICE_WORDS])
