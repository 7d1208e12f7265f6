"""`triptych compare`: any models on the same items, with a verdict in words, the items that flipped, and a page."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from commands.models.compare import Items, compare_models, rows_as_json
from commands.models.comparison import print_comparison, write_comparison_page
from tasks.comparison.contestants import Contest, Contestant, ItemScores, ItemText
from tasks.comparison.pairs import compare_all
from tasks.comparison.scoring import score_documents
from tasks.errors import UsageError, UserError
from tasks.evaluate.held_out import HeldOutDocument
from tasks.evaluate.language import score_task_files
from tasks.home import Home
from tests.tasks.endpoints.stand_in import elsewhere
from tests.tasks.models.tiny_weights import tiny_weights

CONTRACT = ["items", "difference", "low", "high", "p", "smallest_detectable", "verdict", "flipped"]
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("compared")
    return [str(tiny_weights(folder / f"width-{width}", width=width)) for width in (32, 16)]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    rows = [{"id": f"q{n}", "q": f"{n} and {n} is", "c": [str(2 * n), str(n + 1), "none"], "g": 0} for n in range(30)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    about = {"task": "sums", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": "sums.jsonl"}}}
    about |= {"output_type": "multiple_choice", "test_split": "test", "doc_to_text": "q", "doc_to_choice": "c"}
    (folder / "sums.yaml").write_text(yaml.safe_dump(about | {"doc_to_target": "g"}))
    return folder / "sums.yaml"


def scored(name: str, score: list[float], **changes) -> Contestant:
    ids = [f"q{n}" for n in range(len(score))]
    values = {"weight": np.ones(len(ids)), "origins": ids, "contaminated": np.zeros(len(ids), bool)} | changes
    return Contestant(name, {"quiz/exact": ItemScores(ids, np.array(score), **values)})


def test_two_models_on_one_task_print_the_object_that_scripts_read(weights, task, home):
    rows = compare_models(home, weights, Items([str(task)]))
    own = rows_as_json(rows)
    assert list(own)[: len(CONTRACT)] == CONTRACT and json.dumps(own)
    assert (own["items"], own["task"], own["a"], own["b"]) == (30, "sums/acc", *weights)
    expected = [score_task_files(Path(path), [task])[0]["value"] for path in weights]
    assert own["values"] == pytest.approx(expected)
    assert own["difference"] == pytest.approx(expected[1] - expected[0])
    assert own["low"] <= own["difference"] <= own["high"] and own["flipped"] == len(own["flips"])
    assert all(own["seconds"]) and own["tokens"][0] == own["tokens"][1] > 0
    for flip in own["flips"]:
        assert flip["a"] != flip["b"] and flip["gold"] in (flip["a"], flip["b"]) and flip["prompt"]
    assert [row["verdict"] for row in rows_as_json(compare_models(home, [*weights, weights[0]], Items([str(task)])))][
        1
    ] == "cannot tell"


def test_own_questions_are_answered_and_a_task_by_name_has_the_scores_of_its_file(weights, task, home, tmp_path):
    (tmp_path / "ours.jsonl").write_text(
        "".join(
            json.dumps({"id": f"q{n}", "prompt": f"{n}?", "answers": ["a"], "kind": "choice", "choices": ["a", "b"]})
            + "\n"
            for n in range(12)
        )
    )
    (row,) = compare_models(home, weights, Items(questions=tmp_path / "ours.jsonl"))
    own = row.as_json()
    assert (own["task"], own["items"]) == ("questions/ours", 12) and own["flipped"] == len(own["flips"])
    assert {(flip["gold"], flip["prompt"][-1]) for flip in own["flips"]} <= {("a", "?")}
    pytest.importorskip("lm_eval")
    here = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(task.parent)  # where lm-eval looks for the data
        (by_name,) = compare_models(home, weights, Items(["sums"], task.parent))
    (by_file,) = compare_models(home, weights, Items([str(task)]))
    assert by_name.paired == by_file.paired and Path.cwd() == here
    assert [(f.a, f.b, f.gold) for f in by_name.flips] == [(f.a, f.b, f.gold) for f in by_file.flips]
    with pytest.raises(UsageError, match="two comparisons"):
        compare_models(home, weights, Items([str(task)], questions=task))


def test_texts_are_scored_by_each_models_own_vocabulary_and_weigh_their_bytes(weights):
    texts = [f"Text {n} of some words.".encode() * (n + 1) for n in range(4)]
    documents = [HeldOutDocument(f"d{n}", f"o{n}", text, np.empty(0)) for n, text in enumerate(texts)]
    contestants = [score_documents(path, Path(path), "test", documents, [None] * 4) for path in weights]
    (row,) = compare_all(Contest(contestants))
    sizes = [len(text) for text in texts]
    own = contestants[1].tasks["bits_per_byte/test"].score
    assert row.task == "bits_per_byte/test" and row.paired.better == "lower"
    assert row.paired.values[1] == pytest.approx(np.average(own, weights=sizes))
    assert contestants[0].tokens == sum(sizes)  # a token a byte


def test_what_there_is_nothing_to_compare_on_is_refused_with_what_to_give(weights, home, task, tmp_path):
    with pytest.raises(UsageError, match="two or more"):
        compare_models(home, weights[:1], Items())
    with pytest.raises(UserError, match="no run"):
        compare_models(home, weights, Items())
    classifier = tmp_path / "classifier"
    shutil.copytree(weights[0], classifier)
    (classifier / "classes.json").write_text("{}")
    with pytest.raises(UserError, match=r"classes\.json: not the labels of a classifier"):
        compare_models(home, [weights[0], str(classifier)], Items([str(task)]))
    (classifier / "classes.json").write_text('{"labels": ["a", "b"]}')
    with pytest.raises(UsageError, match="is a classifier"):
        compare_models(home, [weights[0], str(classifier)], Items([str(task)]))


def test_several_rows_are_adjusted_for_their_number_and_contaminated_items_decide_nothing():
    rng = np.random.default_rng(0)
    a = (rng.random(60) < 0.5).astype(float).tolist()
    better = [1.0 if n < 8 else value for n, value in enumerate(a)]
    three = Contest([scored("one", a), scored("two", better), scored("three", a)])
    rows = compare_all(three)
    assert [(row.a.name, row.b.name) for row in rows] == [("one", "two"), ("one", "three"), ("two", "three")]
    assert rows[0].p_holm == pytest.approx(min(1.0, 3 * rows[0].paired.p)) and len(rows_as_json(rows)) == 3
    dirty = np.arange(60) < 8
    (row,) = compare_all(Contest([scored("one", a), scored("two", better, contaminated=dirty)]))
    assert (row.paired.items, row.contaminated, row.paired.difference) == (52, 8, 0.0)


def test_the_verdict_is_a_sentence_and_the_items_that_flipped_stand_side_by_side(capsys, tmp_path):
    a, b = [0.0] * 40, [1.0] * 30 + [0.0] * 10
    answers = {"answers": [f"answer {n} {HOSTILE}" for n in range(40)]}
    texts = {"quiz/exact": {f"q{n}": ItemText(f"question {n}", f"gold {n}") for n in range(40)}}
    rows = compare_all(Contest([scored("old", a, **answers), scored("new", b, **answers)], texts))
    print_comparison(rows, 2)
    shown = capsys.readouterr().out
    first = shown.splitlines()[0]
    assert first.startswith("new is better than old on 40 questions: +75.0 points (")
    assert first.endswith("; fewer than 1 in 1,000 such differences come by chance.")
    assert "question 1" in shown and "gold 1" in shown and "question 2" not in shown
    pairs = [scored(name, values[:5]) for name, values in (("old", a), ("new", [0.9, 0.8, 0.9, 1.0, 0.9]))]
    print_comparison(compare_all(Contest(pairs)), 0)  # of five items all alike is 1 in 16
    assert "; 7 in 100 such differences come by chance." in capsys.readouterr().out
    (same,) = compare_all(Contest([scored("old", a), scored("new", a)]))
    print_comparison([same], 0)
    assert capsys.readouterr().out.startswith("Cannot tell new from old on 40 questions: +0.0 points")
    write_comparison_page(rows, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "question 29" in page and HOSTILE not in page and "new is better than old" in page
    with pytest.raises(UsageError, match=r"page\.html"):
        write_comparison_page(rows, tmp_path / "page.txt")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_model_elsewhere_is_compared_on_questions_and_on_nothing_else(weights, task, home, tmp_path):
    questions = tmp_path / "ours.jsonl"
    rows = [{"id": str(n), "prompt": f"{n}?", "answers": ["yes"], "kind": "exact"} for n in range(12)]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with elsewhere() as server:
        models = [weights[0], f"{server.url}#big"]  # which says yes to everything
        (row,) = compare_models(home, models, Items(questions=questions))
        with pytest.raises(UsageError, match="compare it on --questions"):
            compare_models(home, models, Items([str(task)]))
    assert (row.as_json()["verdict"], row.as_json()["difference"]) == ("better", 1.0)
    assert row.as_json()["tokens"][1] is None and row.as_json()["flipped"] == 12
