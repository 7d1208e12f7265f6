"""The models that a server answers with: the one it was started for, and others of the registry that requests name.

Those others are every registered model that generates text, each as its champion, else its candidate. One is loaded
when a request first names it; of more than `limits.models` the one that was asked least recently is given up.
"""

from asyncio import Lock
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from anyio import to_thread

from serve.alias_follower import AliasFollower, LoadedVersion
from serve.api_error import ApiError
from serve.engine_choice import LoadEngine
from serve.model_facts import ModelFacts, model_facts
from tasks.errors import UserError
from tasks.home import Home
from tasks.progress import say
from tasks.register.aliases import CANDIDATE, CHAMPION
from tasks.register.roles import ROLES
from tasks.tracking.model_version import Version
from tasks.tracking.registry import versions


class Catalog:
    """Finds the loaded version that a request's model names."""

    def __init__(self, home: Home, main: AliasFollower, load_engine: LoadEngine, most: int) -> None:
        """`most`: models in memory at once, the main one included."""
        self.main = main
        self._home, self._load_engine, self._most, self._lock = home, load_engine, most, Lock()
        self._others: dict[str, AliasFollower] = {}  # the one that was asked last at the end

    @property
    def loaded(self) -> list[str]:
        """NAME/VERSION of each model in memory."""
        return [follower.served.name for follower in (self.main, *self._others.values())]

    async def served(self, model: str) -> LoadedVersion:
        """What answers a request for that model, "" the main one; ApiError where there is no such model here."""
        main = await self.main.current()
        if not model or model in self.main.names:
            return main
        others = await to_thread.run_sync(self._listed)
        known = next((id for id, version in others.items() if model in (id, version.name, version.full_name)), None)
        if known is None:
            raise ApiError.no_model(model, (*self.main.names, *others))
        async with self._lock:
            follower = await self._follower(known)
        return await follower.current()

    async def row(self, model: str) -> ModelFacts:
        """What the name means now; ApiError where there is no such model here."""
        rows = await self.rows()
        for id, facts in rows.items():
            if model in (id, facts.version, facts.version.partition("/")[0]):
                return facts
        raise ApiError.no_model(model, rows)

    async def rows(self) -> dict[str, ModelFacts]:
        """The names that a request may give, the main model's first, and what each means now."""
        main = await self.main.current()
        return await to_thread.run_sync(lambda: self._rows(main))

    def _rows(self, main: LoadedVersion) -> dict[str, ModelFacts]:
        loaded = {follower.served.name: follower.served.facts for follower in self._others.values()}
        others = dict[str, ModelFacts]()
        for id, version in self._listed().items():
            facts, known = model_facts(version, self._home), loaded.get(version.full_name)
            others[id] = replace(facts, context=known.context, engine=known.engine) if known else facts
        return dict.fromkeys(self.main.names, main.facts) | others

    def _listed(self) -> dict[str, Version]:
        """NAME@ALIAS and version of each other registered model; none where there is room for the main one only."""
        if self._most == 1:
            return {}
        try:
            chosen = dict(_chosen(versions(self._home)))
        except UserError:  # the registry cannot be read: the main model's follower says so
            return {}
        return {
            id: version
            for id, version in chosen.items()
            if id not in self.main.names and version.full_name != self.main.served.name
        }

    async def _follower(self, model: str) -> AliasFollower:
        follower = self._others.pop(model, None)
        if follower is None:
            while len(self._others) >= self._most - 1:
                del self._others[next(iter(self._others))]  # an answer in progress keeps its weights to its end
            try:
                follower = await to_thread.run_sync(lambda: AliasFollower(self._home, model, self._load_engine))
            except UserError as error:
                say(f"{model} cannot be loaded: {error}")
                message = f"{model} cannot be loaded; the server's log says why"
                raise ApiError(503, message, "model_unavailable", "model") from error
            say(f"{follower.served.name} answers too ({model})")
        self._others[model] = follower
        return follower


def _chosen(registered: list[Version]) -> Iterator[tuple[str, Version]]:
    for alias in (CHAMPION, CANDIDATE):
        for version in registered:
            role = ROLES.get(version.tags.get("role", ""))
            has_champion = any(CHAMPION in other.aliases for other in registered if other.name == version.name)
            if alias in version.aliases and role and role.takes == "prompt" and (alias == CHAMPION or not has_champion):
                yield f"{version.name}@{alias}", version


def model_row(id: str, facts: ModelFacts, answer_tokens: int) -> dict[str, Any]:
    """A model in OpenAI's format: the name to ask for, which stays when the version changes, and what it means now."""
    return {
        "id": id,
        "object": "model",
        "created": facts.created,
        "owned_by": "triptych",
        "version": facts.version,
        "champion": facts.is_champion,
        "answers": facts.answers,  # False: it continues a text and was not taught to answer
        "engine": facts.engine or None,
        "max_model_len": facts.context,
        "max_answer_len": min(answer_tokens, facts.context or answer_tokens),
        "about": facts.introduction.about,
        "prompts": list(facts.introduction.prompts),
        "run": facts.introduction.run,
        "report": f"/admin/reports/{facts.report}" if facts.report else None,
    }
