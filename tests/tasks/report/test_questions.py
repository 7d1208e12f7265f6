"""The report's section on own questions: the worst answers first, the best after them, nothing without questions."""

import json
from types import SimpleNamespace

from tasks.report.questions import questions

LABELS = ["pretrain", "evaluate/base", "evaluate/instruct"]


def _tables(folder, count):
    for label in LABELS:
        (folder / label).mkdir(parents=True)
    rows = [
        {
            "id": str(n),
            "model": model,
            "prompt": f"question {n}",
            "answer": f"{model} {n}",
            "score": score,
            "accepted": ["a"],
        }
        for n in range(count)
        for model, score in (("instruct", n / max(count - 1, 1)), ("base", 0.0))
    ]
    (folder / "evaluate/instruct/answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return SimpleNamespace(partitions=lambda label: {"": folder / label})


def test_the_worst_answers_come_first_beside_those_of_the_others(tmp_path):
    section = questions(_tables(tmp_path, 20), LABELS)
    assert section
    _, worst, best = section.blocks
    assert worst.header == ("question", "accepted", "instruct", "base")
    assert [row[0] for row in worst.rows] == [f"question {n}" for n in range(8)]
    assert [row[0] for row in best.rows] == [f"question {n}" for n in range(19, 11, -1)]
    assert worst.rows[0][2:] == ("0.00 instruct 0", "0.00 base 0")


def test_a_few_questions_stand_once(tmp_path):
    section = questions(_tables(tmp_path, 3), LABELS)
    assert section and len(section.blocks) == 2 and len(section.blocks[1].rows) == 3


def test_a_run_without_questions_has_no_such_section(tmp_path):
    tables = _tables(tmp_path, 1)
    (tmp_path / "evaluate/instruct/answers.jsonl").unlink()
    assert questions(tables, LABELS) is None
