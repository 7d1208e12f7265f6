"""Which models a server offers beside its own, and how many of them it holds in memory."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from serve import catalog
from serve.api_error import ApiError
from serve.catalog import Catalog
from tasks.errors import UserError
from tasks.home import Home
from tasks.tracking.model_version import Version


class Follower:
    """Follows nothing; its model is loaded when it is made."""

    loads: list[str] = []

    def __init__(self, home: Any, model: str, engine: Any) -> None:
        if model.startswith("broken"):
            raise UserError(f"/home/me/{model}: not what was registered", "restore it")
        self.loads.append(model)
        self.model, self.names = model, (model,)
        self.served = SimpleNamespace(name=model.replace("@", "/"))

    async def current(self):
        return self.served


def version(name: str, number: int, role: str, *aliases: str) -> Version:
    return Version(name, number, aliases, {"role": role}, Path("nowhere"))


REGISTERED = [
    version("a-base", 1, "base", "champion"),
    version("a-base", 2, "base", "candidate"),
    version("a-classify", 1, "classify", "champion"),
    version("a-instruct", 1, "instruct", "champion"),
    version("b-base", 1, "base", "candidate"),
    version("broken-base", 1, "base", "champion"),
    version("c-base", 1, "base"),
]


@pytest.fixture
def offered(monkeypatch) -> Catalog:
    """a-instruct@champion is served, with room for one more."""
    monkeypatch.setattr(catalog, "versions", lambda home: REGISTERED)
    monkeypatch.setattr(catalog, "AliasFollower", Follower)
    monkeypatch.setattr(Follower, "loads", [])
    main: Any = Follower(None, "a-instruct@champion", None)
    return Catalog(Home(Path("nowhere")), main, lambda _: pytest.fail("nothing is loaded here"), most=2)


def served(offered: Catalog, model: str) -> str:
    return asyncio.run(offered.served(model)).name


def test_every_model_that_writes_is_offered_as_its_champion_or_else_its_candidate(offered):
    assert served(offered, "") == served(offered, "a-instruct@champion") == "a-instruct/champion"
    for name in ("a-base", "a-base/1", "a-base@champion"):
        assert served(offered, name) == "a-base/champion"
    assert served(offered, "b-base@candidate") == "b-base/candidate"
    for name in ("a-base/2", "a-classify@champion", "c-base/1", "gpt-4"):
        with pytest.raises(ApiError, match="here; there is a-instruct@champion, a-base@champion, broken-base@champion"):
            served(offered, name)


def test_the_model_that_was_asked_least_recently_is_given_up_for_another(offered):
    for name in ("a-base", "a-base", "b-base", "a-base"):
        served(offered, name)
    assert Follower.loads == ["a-instruct@champion", "a-base@champion", "b-base@candidate", "a-base@champion"]
    assert offered.loaded == ["a-instruct/champion", "a-base/champion"]


def test_a_model_that_cannot_be_loaded_is_a_503_without_a_path_of_the_home(offered, capsys):
    with pytest.raises(ApiError) as refused:
        served(offered, "broken-base")
    assert refused.value.status == 503 and "/home" not in refused.value.message
    assert "/home/me/broken-base@champion" in capsys.readouterr().err
