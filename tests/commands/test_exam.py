"""`triptych eval --questions`: models here and elsewhere answer own questions; rows, answers, a sentence."""

import json
from pathlib import Path

import pytest

from commands.models.exam import ExamRequest, examine
from tasks.endpoints.budget import Budget, Prices
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tests.tasks.endpoints.stand_in import elsewhere, error, good
from tests.tasks.models.tiny_weights import tiny_weights

QUESTIONS = [
    {"id": "sum", "prompt": "2 and 2?", "answers": [4], "kind": "number"},
    {"id": "name", "prompt": "Who?", "answers": ["Kraft"], "kind": "contains"},
    {"id": "which", "prompt": "A colour?", "answers": ["blue"], "choices": ["blue", "seven"], "kind": "choice"},
    {"id": "exact", "prompt": "Say yes.", "answers": ["yes"], "kind": "exact"},
]
ANSWERS = {"2 and 2?": "It is 4.", "Who?": "Johannes Kraft", "Say yes.": "no"}


@pytest.fixture
def questions(tmp_path) -> Path:
    file = tmp_path / "ours.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    return file


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def server():
    with elsewhere() as server:
        server.respond = lambda body: good(ANSWERS.get(body["messages"][-1]["content"], "blue"))
        yield server


def test_a_model_here_and_one_elsewhere_answer_the_same_questions(questions, server, home, tmp_path):
    here, there = str(tiny_weights(tmp_path / "tiny")), f"{server.url}#big"
    result = examine(home, ExamRequest(questions, (here, there), max_tokens=6))
    rows = {row["model"]: row for row in result.rows}
    assert {row["task"] for row in result.rows} == {"questions/ours"} and list(rows) == [here, there]
    assert (rows[there]["value"], rows[there]["items"]) == (0.75, 4)
    assert rows[there]["low"] <= 0.75 <= rows[there]["high"]
    assert f"{here} is not to be told apart from {there}" in result.sentence(), "four questions show nothing"
    result.write_answers(tmp_path / "answers.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(lines) == 8 and {line["model"] for line in lines} == {here, there}
    assert [line["score"] for line in lines if line["model"] == there] == [1, 1, 1, 0]
    server.received.clear()
    again = examine(home, ExamRequest(questions, (there,), max_tokens=6))
    assert again.rows[0]["value"] == 0.75 and not server.received, "its answers are kept in the home"


def test_what_a_server_refuses_is_no_answer_and_is_reported(questions, server, home):
    server.respond = lambda body: error(400, "content policy") if "Who" in str(body["messages"]) else good("4")
    result = examine(home, ExamRequest(questions, (f"{server.url}#big",)))
    refused = next(each for each in result.answered[f"{server.url}#big"] if each.question.id == "name")
    assert (refused.score, refused.notes[0]) == (0, "refused: 400: content policy")


def test_the_money_ends_an_exam_and_what_came_is_kept(questions, server, home):
    server.respond = lambda body: good("4", prompt=20, answer=12)
    budget = Budget(max_cost=400, prices=Prices(1e6, 1e6))
    with pytest.raises(UserError, match="raise --max-cost"):
        examine(home, ExamRequest(questions, (f"{server.url}#big",), max_tokens=300, budget=budget))
    assert budget.spent.money <= 400


def test_an_adapter_changes_no_model_elsewhere(questions, home):
    request = ExamRequest(questions, ("http://127.0.0.1:1/v1#m",), adapter=Path("adapter"))
    with pytest.raises(UsageError, match="--adapter changes no model elsewhere"):
        examine(home, request)


def test_one_model_named_twice_is_refused(questions, home, tmp_path):
    weights = str(tiny_weights(tmp_path / "tiny"))
    with pytest.raises(UsageError, match="named twice"):
        examine(home, ExamRequest(questions, (weights, weights)))
