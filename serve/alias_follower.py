"""The model version that an alias names now: looked up for each request, loaded when the alias moved.

A request waits for the version that the alias names when it comes, and keeps that version to its end: the one before
goes on with its answers while the new one is loaded, and is unloaded when the last of them has ended. A version that
cannot be used (a changed file, an alias that was removed) does not end the service: the one before goes on, every
answer names the version it is from, and the reason is on stderr and in /health.
"""

import asyncio
import time
from asyncio import Lock
from dataclasses import dataclass, replace
from pathlib import Path

from anyio import to_thread

from serve.engine import Engine, ModelFiles
from serve.engine_choice import LoadEngine, Prepare
from serve.model_facts import ModelFacts, model_facts, name_of
from tasks.errors import UserError
from tasks.home import Home
from tasks.models.hub_place import GGUF
from tasks.models.pretrained import converted
from tasks.models.prompting import PromptBuilder, prompt_builder
from tasks.progress import say
from tasks.register.aliases import CANDIDATE
from tasks.tracking.model_version import FILES_TAG, Version
from tasks.tracking.registry import locate, verified, versions

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_AFTER_TROUBLE = 2.0  # before the registry is read again


@dataclass(frozen=True)
class LoadedVersion:
    """One version, loaded."""

    name: str  # NAME/VERSION, or a folder's name
    fingerprint: str  # of its files: with a seed, what an answer depends on
    prompt_builder: PromptBuilder
    engine: Engine
    facts: ModelFacts


def described(engine: Engine) -> str:
    """Its name and the precision of its weights: `llama.cpp, q8_0`."""
    return f"{engine.name}, {engine.precision}"


class AliasFollower:
    """Follows MODEL: NAME@ALIAS wherever it points; NAME/VERSION and a path stay what they are."""

    def __init__(self, home: Home, model: str, load_engine: LoadEngine) -> None:
        self.model = model
        self.trouble = ""  # why it is not the newest version that answers
        self._home, self._load_engine, self._lock = home, load_engine, Lock()
        self._look_again = 0.0  # on the monotonic clock
        self._served = self._load(locate(model, home))

    @property
    def names(self) -> tuple[str, ...]:
        """What a request may call the model."""
        name = self._served.name.partition("/")[0]
        return tuple(dict.fromkeys((self.model, self._served.name, name)))

    @property
    def served(self) -> LoadedVersion:
        """What answered last."""
        return self._served

    async def watch(self, prepare: Prepare) -> None:
        """Loads a version as soon as the alias names it, so that the first request for it need not wait.

        What loading it takes longest for is made while it is still a candidate.
        """
        prepared = {self._served.name}
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            await self.current()
            candidate = await to_thread.run_sync(self._candidate)
            if candidate and candidate.full_name not in prepared:
                prepared.add(candidate.full_name)
                await to_thread.run_sync(self._prepare, candidate, prepare)

    def _candidate(self) -> Version | None:
        """The version that may follow the one that answers."""
        name = self._served.name.partition("/")[0]
        try:
            return next((version for version in versions(self._home, name) if CANDIDATE in version.aliases), None)
        except UserError:  # `current` says so
            return None

    def _prepare(self, candidate: Version, prepare: Prepare) -> None:
        try:
            prepare(verified(candidate, self._home).weights, candidate.tags[FILES_TAG])
        except UserError as error:
            say(f"{candidate.full_name}, a candidate, cannot be prepared: {error}")

    async def current(self) -> LoadedVersion:
        """What answers a request that begins now."""
        async with self._lock:
            return await to_thread.run_sync(self._follow)

    def _follow(self) -> LoadedVersion:
        if time.monotonic() < self._look_again:
            return self._served
        try:
            target = locate(self.model, self._home)
            if name_of(target) != self._served.name:
                self._served = self._load(target)
                say(f"now answering with {self._served.name} ({self._served.facts.engine})")
            self.trouble = ""
        except UserError as error:
            self._look_again = time.monotonic() + SECONDS_AFTER_TROUBLE
            if error.what != self.trouble:
                self.trouble = error.what
                say(f"still answering with {self._served.name}: {error}")
        return self._served

    def _load(self, target: Version | Path) -> LoadedVersion:
        weights = target if isinstance(target, Path) else verified(target, self._home).weights
        sha256 = "" if isinstance(target, Path) else target.tags[FILES_TAG]
        gguf = weights if weights.suffix == GGUF else None
        name, weights = name_of(target), converted(weights, self._home) if gguf else weights
        builder = prompt_builder(name, weights)
        engine = self._load_engine(ModelFiles(weights, sha256, builder.vocabulary, gguf))
        facts = replace(model_facts(target, self._home), context=engine.context, engine=described(engine))
        return LoadedVersion(name, sha256[:12], builder, engine, facts)
