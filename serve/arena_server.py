"""`triptych arena A B`: loads the models, and serves the page of blind pairs on this machine."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import uvicorn
from fastapi import FastAPI

from serve import keys
from serve.access import AccessControl
from serve.alias_follower import AliasFollower, LoadedVersion
from serve.api_error import handle_errors
from serve.arena import Arena, Player, add_arena
from serve.arena_endpoint import EndpointPlayer
from serve.engine_choice import LoadEngine
from serve.feedback import Recorder
from serve.generation import Generations
from serve.jobs import Prompt, jobs_of, turns_of
from serve.keys import Keyring
from serve.limits import Limits
from serve.listen import OnStart, Server, bind, uvicorn_settings
from serve.page_files import ARENA_PAGE, serve_page
from serve.parsing import Parser
from serve.requests import ChatRequest, Message
from tasks.arena.prompts import read_prompts
from tasks.arena.votes import votes_of
from tasks.endpoints.address import is_address, parse_address
from tasks.errors import UsageError
from tasks.feedback.entry import Asked
from tasks.feedback.log import entries
from tasks.home import Home
from tasks.progress import say

HOST = "127.0.0.1"
SLOTS = 2  # answers at once: a pair


class ArenaSettings(NamedTuple):
    """What the players are asked, and how they draw their answers."""

    prompts: Path | None
    temperature: float
    port: int


@dataclass(frozen=True)
class EnginePlayer:
    """A version of this home, or files, in memory: it stays what it was when the arena began."""

    served: LoadedVersion
    generations: Generations
    parser: Parser
    temperature: float

    @property
    def name(self) -> str:
        return self.served.name

    async def answer(self, turns: Sequence[Asked], seed: int) -> str:
        messages = [Message.model_validate(turn._asdict()) for turn in turns]
        body = ChatRequest.model_validate({"messages": messages, "temperature": self.temperature, "seed": seed})
        prompt = await self.parser.prompt(lambda: self.served.prompt_builder.of_turns(turns_of(messages)))
        jobs = list(jobs_of(self.served, [Prompt(*prompt)], body, self.generations.limits))
        return "".join([piece.text async for piece in self.generations.pieces(jobs)])


def serve_arena(
    home: Home, models: Sequence[str], load_engine: LoadEngine, limits: Limits, settings: ArenaSettings
) -> "ArenaServer":
    """The server, which `run` runs; UsageError where two of the models have one name."""
    if len(models) < 2:
        raise UsageError("arena takes two or more models", "triptych arena A B [C …], or: triptych arena --scores")
    prompts = read_prompts(settings.prompts) if settings.prompts else []
    generations, parser = Generations(limits, SLOTS), Parser()
    players = dict[str, Player]()
    for model in models:
        if is_address(model):
            player = EndpointPlayer(parse_address(model), limits.default_tokens, settings.temperature)
        else:
            served = AliasFollower(home, model, load_engine).served
            player = EnginePlayer(served, generations, parser, settings.temperature)
        if player.name in players:
            cure = "name different ones; of two folders of one name, rename one"
            raise UsageError(f"{model}: a second player of the name {player.name}", cure)
        players[player.name] = player
    arena = Arena(players, votes_of(entries(home), players), prompts)
    return ArenaServer(home, arena, generations, settings.port)


@dataclass(frozen=True)
class ArenaServer:
    """The page and its endpoints, on loopback only."""

    home: Home
    arena: Arena
    generations: Generations
    port: int

    def app(self) -> AccessControl:
        """Its endpoints behind the checks of host, origin, key and rate that `serve` has."""
        limits = self.generations.limits
        endpoints = FastAPI(title="triptych arena", openapi_url=None)
        handle_errors(endpoints)
        serve_page(endpoints, ARENA_PAGE)
        add_arena(endpoints, self.arena, Recorder(self.home, limits))
        keyring = Keyring(self.home, required=keys.are_required(self.home))
        return AccessControl(endpoints, HOST, keyring, limits)

    def run(self, on_start: OnStart) -> None:
        """Answers until SIGTERM or Ctrl-C; `on_start` is called with {"url"} once it does."""
        config = uvicorn.Config(self.app(), **uvicorn_settings(self.generations.limits))
        with bind(HOST, self.port) as listener:
            url = f"http://{HOST}:{listener.getsockname()[1]}"

            def up() -> None:
                say(f"{self.arena.standing['models']} models wait at {url}; Ctrl-C ends, votes are kept")
                on_start({"url": url})

            asyncio.run(Server(config, self.generations, _nothing, up).serve(sockets=[listener]))


async def _nothing() -> None:
    """Players do not follow their alias: a vote is about one version."""
