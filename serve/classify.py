"""POST /v1/classify: labels of texts with calibrated probabilities, by any registered classifier.

A classifier is read when a request first names it; of more than `limits.models` the least recently used is given up.
"""

from asyncio import Lock
from typing import Annotated, Any

from anyio import to_thread
from fastapi import FastAPI, Request
from pydantic import BeforeValidator, FailFast, Field
from starlette.responses import JSONResponse, Response

from model.text_classifier import TextClassifier, load_classifier
from serve.api_error import ApiError
from serve.generation import Generations
from serve.hang_up import unless_gone
from serve.parsing import Parser
from serve.request_fields import MAX_PROMPTS, RequestModel, Text, default
from tasks.classifiers.answer import classify
from tasks.errors import UserError
from tasks.home import Home
from tasks.progress import say
from tasks.register.aliases import CANDIDATE, CHAMPION
from tasks.register.roles import ROLES
from tasks.tracking.model_version import Version
from tasks.tracking.registry import verified, versions


def _as_texts(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


class ClassifyRequest(RequestModel):
    """POST /v1/classify."""

    model: str = ""  # NAME, NAME@ALIAS or NAME/VERSION; "": the only classifier there is
    input: Annotated[list[Text], Field(min_length=1, max_length=MAX_PROMPTS), FailFast(), BeforeValidator(_as_texts)]
    top: int | None = Field(None, ge=1)  # so many of the likeliest labels; null: all
    explain: Annotated[bool, BeforeValidator(default(False))] = False


class Classifiers:
    """The registered classifiers, those in memory by NAME/VERSION."""

    def __init__(self, home: Home, most: int) -> None:
        self._home, self._most, self._lock = home, most, Lock()
        self._loaded: dict[str, TextClassifier] = {}  # the one that was used last at the end

    async def get(self, model: str) -> tuple[str, TextClassifier]:
        """NAME/VERSION and the classifier that a request's model means now; ApiError where there is none."""
        async with self._lock:
            return await to_thread.run_sync(self._get, model)

    def _get(self, model: str) -> tuple[str, TextClassifier]:
        try:
            version = self._chosen(model)
            name = version.full_name
            classifier = self._loaded.pop(name, None) or load_classifier(verified(version, self._home).weights)
        except UserError as error:
            say(f"{model or 'the classifier'} cannot be used: {error}")
            message = "this classifier cannot be used; the server's log says why"
            raise ApiError(503, message, "model_unavailable", "model") from error
        self._loaded[name] = classifier
        while len(self._loaded) > self._most:
            del self._loaded[next(iter(self._loaded))]
        return name, classifier

    def _chosen(self, model: str) -> Version:
        """Of a NAME alone its champion, else its candidate, as everywhere."""
        registered = [v for v in versions(self._home) if _is_classifier(v)]
        names = dict.fromkeys(version.name for version in registered)
        if not model and len(names) == 1:
            model = next(iter(names))
        named = [v for v in registered if model in (v.full_name, *(f"{v.name}@{alias}" for alias in v.aliases))]
        of_name = [v for alias in (CHAMPION, CANDIDATE) for v in registered if v.name == model and alias in v.aliases]
        if chosen := next(iter([*named, *of_name]), None):
            return chosen
        if not names:
            raise ApiError(404, "there is no classifier here", "model_not_found", "model")
        if not model:
            raise ApiError(400, f"model: name one of {', '.join(names)}", "invalid_request", "model")
        raise ApiError.no_model(model, names)


def _is_classifier(version: Version) -> bool:
    role = ROLES.get(version.tags.get("role", ""))
    return role is not None and role.takes == "text"


def add_classify(app: FastAPI, generations: Generations, home: Home) -> None:
    """Adds the endpoint; a request holds a slot while its texts are read."""
    parser, classifiers = Parser(), Classifiers(home, generations.limits.models)

    @app.post("/v1/classify")
    async def classified(request: Request) -> Response:
        body = await parser.parse(request, ClassifyRequest)
        name, classifier = await classifiers.get(body.model)

        async def answer() -> list[dict[str, Any]]:
            async with generations.slots.slot():
                return await to_thread.run_sync(lambda: classify(classifier, body.input, body.top, body.explain))

        answers = await unless_gone(request, answer)
        data = [{"index": index, **a, "probabilities": _in_rows(a["probabilities"])} for index, a in enumerate(answers)]
        return JSONResponse({"object": "list", "model": name, "data": data})


def _in_rows(probabilities: dict[str, float]) -> list[dict[str, Any]]:
    """In order, which an object of JSON has not for every reader."""
    return [{"label": label, "probability": probability} for label, probability in probabilities.items()]
