"""POST /v1/classify, and the same answers on the command line, with a tf-idf that is fitted here."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from commands.models.classify import classify_prompt, tfidf_folder
from commands.models.use import chat_model, weights_folder
from serve import classify
from serve.api_error import handle_errors
from serve.generation import Generations
from serve.limits import Limits
from tasks.classifiers.fit import fit_tfidf
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.prompting import prompt_builder
from tasks.tracking.model_version import Version


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registered")
    texts = ["sun and warm days", "rain and cold nights"] * 10
    fit_tfidf(texts, [0, 1] * 10, ["fair", "foul"], folder / "artifacts" / "weights")
    return folder / "artifacts" / "weights"


@pytest.fixture
def app(weights: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """a-classify/1 is the champion, /2 the candidate; a-base generates."""
    names = (("a-base", 1, "base", "champion"), ("a-classify", 1, "classify", "champion"))
    names = (*names, ("a-classify", 2, "classify", "candidate"))
    registered = [Version(n, v, (alias,), {"role": role}, weights.parents[1]) for n, v, role, alias in names]
    monkeypatch.setattr(classify, "versions", lambda home: registered)
    monkeypatch.setattr(classify, "verified", lambda version, home: version)
    app = FastAPI()
    handle_errors(app)
    classify.add_classify(app, Generations(Limits(), slots=1), Home(Path("nowhere")))
    return app


def post(app: FastAPI, **body: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.post("/v1/classify", json=body)

    return asyncio.run(send())


def test_each_text_gets_its_labels_by_probability_and_the_words_that_speak_for_the_first(app: FastAPI) -> None:
    answer = post(app, input=["a warm sun", "cold rain"], explain=True).json()
    assert answer["model"] == "a-classify/1"
    assert [(row["index"], row["label"]) for row in answer["data"]] == [(0, "fair"), (1, "foul")]
    for row in answer["data"]:
        chances = [entry["probability"] for entry in row["probabilities"]]
        assert chances == sorted(chances, reverse=True) and sum(chances) == pytest.approx(1)
        assert row["probability"] == chances[0]
    assert {reason["piece"] for reason in answer["data"][0]["reasons"]} == {"sun", "warm"}
    (row,) = post(app, input="cold rain", top=1, model="a-classify@candidate").json()["data"]
    assert len(row["probabilities"]) == 1 and "reasons" not in row


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"input": "x", "model": "a-base"}, 404, "there is a-classify"),
        ({"input": []}, 400, "input"),
        ({"input": "x", "top": 0}, 400, "top"),
        ({"input": ["x"] * 129}, 400, "input"),
        ({"texts": "x"}, 400, "texts"),
    ],
)
def test_a_mistake_is_named(app: FastAPI, body: dict, status: int, words: str) -> None:
    refused = post(app, **body)
    assert refused.status_code == status and words in refused.json()["error"]["message"]


def test_commands_answer_with_a_classifier_or_refuse_it_by_name(weights: Path) -> None:
    home, model = Home(Path("nowhere")), str(weights)
    assert tfidf_folder(home, model) == weights
    answer = classify_prompt(weights, "a warm sun")
    assert answer["label"] == "fair" and answer["reasons"][0]["weight"] > 0
    for refusing in (lambda: chat_model(home, model), lambda: weights_folder(home, model)):
        with pytest.raises(UsageError, match="is a classifier") as refused:
            refusing()
        assert f"triptych score {model}" in refused.value.cure
    with pytest.raises(UsageError, match="generates no text"):
        prompt_builder(model, weights)
