"""The arena: blind pairs in a real browser, votes that are kept once, and a known ranking that comes back."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest

from serve.arena import Arena
from serve.arena_server import ArenaServer, ArenaSettings, serve_arena
from serve.generation import Generations
from serve.limits import limits
from tasks.arena.votes import ranking_of, standing_rows, votes_of, warnings_of
from tasks.errors import UsageError
from tasks.feedback.entry import Asked
from tasks.feedback.log import append, entries
from tasks.home import Home
from tests.browser import Page, browser, chromium
from tests.serve.conftest import REPOSITORY
from tests.tasks.endpoints.stand_in import elsewhere, error, good
from tests.tasks.feedback.entries import vote

STRENGTHS = {"ada": 2.0, "bob": 0.0, "eve": -2.0}
PROMPT = {"prompt": "Who are you?"}


class StandIn:
    """Answers with its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def answer(self, turns: Sequence[Asked], seed: int) -> str:
        return f"I am {self.name}."


def client_of(home: Home, prompts: Sequence[tuple[Asked, ...]] = ()) -> httpx.AsyncClient:
    arena = Arena({name: StandIn(name) for name in STRENGTHS}, votes_of(entries(home), STRENGTHS), prompts)
    app = ArenaServer(home, arena, Generations(limits(["requests_per_minute=100000"]), 2), 0).app()
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_votes_drawn_from_a_known_ranking_give_it_back_and_the_arena_stops(empty):
    generator, sides = np.random.default_rng(0), []

    async def vote_until_clear() -> dict:
        async with client_of(empty) as client:
            for _ in range(400):
                pair = (await client.post("/v1/arena/pairs", json=PROMPT)).json()
                left, right = (pair[side].removeprefix("I am ").rstrip(".") for side in ("left", "right"))
                sides.append(sorted((left, right))[0] == left)
                wins = generator.random() < 1 / (1 + np.exp(STRENGTHS[right] - STRENGTHS[left]))
                cast = {"id": pair["id"], "choice": "left" if wins else "right"}
                reply = (await client.post("/v1/arena/votes", json=cast)).json()
                assert (reply["left"], reply["right"]) == (left, right)
                if reply["is_clear"]:
                    return reply
        raise AssertionError("never clear")

    reply = asyncio.run(vote_until_clear())
    assert reply["order"] == list(STRENGTHS)
    assert 0.25 < np.mean(sides) < 0.75  # swapped at random
    rows = standing_rows(ranking_of(empty))
    assert [row["model"] for row in rows] == list(STRENGTHS)
    assert all(row["low"] <= row["strength"] <= row["high"] for row in rows)
    assert sum(row["votes"] for row in rows) == 2 * reply["votes"] == 2 * len(entries(empty))


def test_a_pair_takes_one_vote_and_names_nobody_before_it(empty):
    async def check() -> None:
        async with client_of(empty, [(Asked("user", "one"),), (Asked("user", "two"),)]) as client:
            shown = [(await client.post("/v1/arena/pairs", json={})).json() for _ in range(3)]
            assert [pair["messages"][0]["content"] for pair in shown] == ["one", "two", "one"]
            assert set(shown[0]) == {"id", "messages", "left", "right"}
            statuses = [
                (await client.post("/v1/arena/votes", json={"id": shown[0]["id"], "choice": choice})).status_code
                for choice in ("both", "sideways", "both")
            ]
            assert statuses == [201, 400, 404]
            assert (await client.post("/v1/arena/pairs", json={"prompt": " "})).status_code == 400

    asyncio.run(check())
    (entry,) = entries(empty)
    assert (entry.kind, entry.choice, entry.who, entry.prompt) == ("vote", "both", "local", "one")


def test_what_votes_cannot_tell_is_reported_by_name(empty):
    assert standing_rows(ranking_of(empty)) == []
    for left, right, choice in (("a/1", "a/2", "left"), ("b/1", "b/2", "both")):
        append(empty, vote(left, right, choice))
    apart, unbounded = warnings_of(ranking_of(empty))
    assert apart.endswith("a/1, a/2; b/1, b/2") and "a/1" in unbounded + "a/2"
    assert [row["model"] for row in standing_rows(ranking_of(empty, ["b/1", "b/2"]))] == ["b/1", "b/2"]


def test_two_players_of_one_name_are_refused(home):
    from serve.decoder_engine import DecoderEngine

    models, settings = ["tiny-instruct/1", "tiny-instruct@champion"], ArenaSettings(None, 0.8, 0)
    with pytest.raises(UsageError, match="a second player of the name tiny-instruct/1"):
        serve_arena(home, models, DecoderEngine, limits([]), settings)


@pytest.fixture
def arena_url(home: Home) -> Iterator[str]:
    models = ("tiny-instruct/1", "tiny-instruct/2", "--engine", "decoder", "--max-tokens", "8", "--port", "0")
    command = [sys.executable, "-m", "triptych", "arena", *models, "--json"]
    environment = os.environ | {"TRIPTYCH_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
            process.wait(30)


def vote_by_key(tab: Page, url: str, prompt: str) -> list[str]:
    """The names that are revealed."""
    tab.show(url)
    tab.wait_for("document.getElementById('count').textContent")
    tab.type(prompt)
    tab.press("Enter")
    tab.wait_for("!document.getElementById('votes').hidden")
    tab.press("Enter")  # once too often is no vote
    assert tab.js("[...document.querySelectorAll('.who')].map(e => e.textContent).join('')") == ""
    tab.js("document.dispatchEvent(new KeyboardEvent('keydown', { key: '2' }))")
    tab.wait_for("document.querySelector('.who').textContent")
    return tab.js("[...document.querySelectorAll('.who')].map(e => e.textContent)")


def test_a_person_votes_blind_by_keyboard_on_a_phone_too(arena_url, home, tmp_path):
    if not chromium():
        pytest.skip("no Chromium here: install one (Debian: apt-get install chromium) to test the arena")
    with browser(tmp_path / "profile") as tab:
        names = vote_by_key(tab, arena_url, "Is this blind?")
        assert sorted(names) == ["tiny-instruct/1", "tiny-instruct/2"]
        (entry,) = [entry for entry in entries(home) if entry.prompt == "Is this blind?"]
        assert (entry.kind, entry.choice, [entry.model, entry.other_model]) == ("vote", "right", names)
        assert {url.startswith(arena_url) for url in tab.requests()} == {True} and tab.complaints() == []
        tab.show(arena_url, width=390, height=844, dark=True)
        assert tab.js("document.documentElement.scrollWidth") <= 390


def test_models_elsewhere_play_and_one_that_refuses_is_not_named(empty, capsys):
    async def play(server) -> None:
        names = [f"{server.url}#{name}" for name in ("big", "small")]
        made = serve_arena(empty, names, None, limits([]), ArenaSettings(None, 0.5, 0))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(made.app()), base_url="http://127.0.0.1") as client:
            pair = (await client.post("/v1/arena/pairs", json=PROMPT)).json()
            assert sorted([pair["left"], pair["right"]]) == ["from big", "from small"]
            assert {body["temperature"] for _, _, body in server.received} == {0.5}
            shown = (await client.post("/v1/arena/votes", json={"id": pair["id"], "choice": "left"})).json()
            assert sorted([shown["left"], shown["right"]]) == names
            server.respond = lambda body: error(400, "not this")
            refused = await client.post("/v1/arena/pairs", json=PROMPT)
            assert refused.status_code == 502 and server.url not in refused.text
        with pytest.raises(UsageError, match="add #MODEL"):
            serve_arena(empty, [names[0], server.url], None, limits([]), ArenaSettings(None, 0.5, 0))

    with elsewhere() as server:
        server.respond = lambda body: good(f"from {body['model']}")
        asyncio.run(play(server))
    assert "refuses: 400: not this" in capsys.readouterr().err
