"""The app with a model made up, in this process."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
from fastapi import FastAPI

from serve.alias_follower import AliasFollower
from serve.app import application
from serve.catalog import Catalog
from serve.engine import Generated
from serve.generation import Generations
from serve.limits import Limits
from serve.model_facts import ModelFacts
from tasks.home import Home

CHAT = {"messages": [{"role": "user", "content": "hello"}]}


class Follower:
    """Follows nothing: one version, whose prompts and tokens come from the test."""

    model, names, trouble = "tiny@champion", ("tiny@champion",), ""

    def __init__(self, of_turns=lambda turns: ([1], {0}), generate=lambda prompt, sampling: (id for id in ())) -> None:
        vocabulary = SimpleNamespace(decode_bytes=lambda ids, continues: bytes(ids))

        async def parts(prompt, sampling):
            for id in generate(prompt, sampling):
                await asyncio.sleep(0)  # as an engine that works elsewhere
                yield Generated(vocabulary.decode_bytes([id], continues=True), 1)

        builder = SimpleNamespace(of_turns=of_turns, answers=True, vocabulary=vocabulary)
        engine = SimpleNamespace(
            name="made up", precision="none", slots=2, can=frozenset(), context=1000, is_ready=True, generate=parts
        )
        facts = ModelFacts("tiny/1", 0, 1000, answers=True)
        self.served: Any = SimpleNamespace(
            name="tiny/1", fingerprint="", prompt_builder=builder, engine=engine, facts=facts
        )

    async def current(self):
        return self.served


def app_of(follower: Follower, limits: Limits | None = None) -> FastAPI:
    limits = limits or Limits(models=1)
    catalog = Catalog(Home(Path()), cast(AliasFollower, follower), lambda _: follower.served.engine, most=1)
    return application(catalog, Generations(limits, limits.slots or 2), limits)


def client_of(follower: Follower) -> httpx.AsyncClient:
    app = app_of(follower)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test")
