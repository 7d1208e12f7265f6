"""POST /v1/feedback: what a person says of an answer is on the disk when the response comes.

    {"model", "messages" or "prompt", "answer", "rating": "up" or "down", "correction"?, "comment"?, "response_id"?}

A rating, a correction or both are expected. `model` is what the response to be judged named: NAME/VERSION; an alias
stands for the version that it names now. A key of any scope will do; its name is kept as who has said it.
"""

from typing import Annotated, Any, Literal, Self

from anyio import to_thread
from fastapi import FastAPI, Request
from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import JSONResponse, Response

from serve.api_error import ApiError
from serve.catalog import Catalog
from serve.limits import Limits
from serve.parsing import Parser
from serve.request_fields import RequestModel, Text, texts_joined
from serve.requests import ROLES
from tasks.errors import UserError
from tasks.feedback.entry import LOCAL, Asked, Feedback, Rating, new_id, now, prompt_sha256
from tasks.feedback.log import append, size_bytes
from tasks.home import Home
from tasks.progress import say
from tasks.tracking.registry import named

MAX_CHARACTERS, MAX_COMMENT, MAX_NAME, MAX_TURNS = 200_000, 10_000, 300, 500
LongText = Annotated[Text, Field(max_length=MAX_CHARACTERS)]
ShortText = Annotated[Text, Field(max_length=MAX_NAME)]


class PromptTurn(RequestModel):
    """A turn of text; those of tools cannot be learned from, and are refused."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[LongText, BeforeValidator(texts_joined)]


class WithPrompt(RequestModel):
    """A body that gives a conversation, or its one message as `prompt`."""

    prompt: LongText | None = None
    messages: Annotated[list[PromptTurn] | None, Field(max_length=MAX_TURNS)] = None

    @property
    def turns(self) -> tuple[Asked, ...]:
        """ApiError where it is no conversation that ends with a user's turn."""
        if (self.prompt is None) == (self.messages is None):
            raise ApiError(400, "give either prompt or messages", "invalid_request", "messages")
        given = self.messages or [PromptTurn(role="user", content=self.prompt or "")]
        turns = tuple(Asked(ROLES.get(turn.role, turn.role), turn.content) for turn in given)
        if turns[-1].role != "user" or not turns[-1].content.strip():
            field = "prompt" if self.messages is None else "messages"
            raise ApiError(400, f"{field}: the last turn must be the user's, with a text", "invalid_request", field)
        return turns


class FeedbackRequest(WithPrompt):
    """POST /v1/feedback."""

    model: Annotated[ShortText, Field(min_length=1)]
    answer: LongText
    rating: Rating | None = None
    correction: LongText | None = None
    comment: Annotated[Text, Field(max_length=MAX_COMMENT)] | None = None
    response_id: ShortText | None = None

    @model_validator(mode="after")
    def _judges(self) -> Self:
        if self.rating is None and self.correction is None:
            raise PydanticCustomError("no_judgement", "a rating (up, down) or a correction is expected")
        if self.correction is not None and not self.correction.strip():
            raise PydanticCustomError(
                "no_correction", "the correction is empty: leave it out, or write the better text"
            )
        if self.correction is not None and self.correction.strip() == self.answer.strip():
            raise PydanticCustomError("same", "the correction says what the answer says: give the rating up instead")
        if self.correction is not None and self.rating == "up":
            raise PydanticCustomError("both", "an answer that is good needs no correction: give one of the two")
        return self


def add_feedback(app: FastAPI, catalog: Catalog, home: Home, limits: Limits) -> None:
    """Adds the endpoint; access.py has named the key's holder."""
    parser, recorder = Parser(), Recorder(home, limits)

    @app.post("/v1/feedback")
    async def feedback(request: Request) -> Response:
        body = await parser.parse(request, FeedbackRequest)
        turns = body.turns
        entry = Feedback(
            id=new_id(),
            time=now(),
            who=who(request),
            kind="rating" if body.correction is None else "correction",
            model=await _version(body.model, catalog, home),
            prompt_sha256=prompt_sha256(turns),
            messages=turns,
            answer=body.answer,
            rating=body.rating,
            correction=body.correction,
            comment=body.comment,
            response_id=body.response_id,
        )
        return JSONResponse(await recorder.record(entry), 201)


class Recorder:
    """Writes entries to the home, within its limit."""

    def __init__(self, home: Home, limits: Limits) -> None:
        self._home, self._most = home, int(limits.feedback_mb * 1e6)

    async def record(self, entry: Feedback) -> dict[str, Any]:
        """What the response says of the entry, which is on the disk then; ApiError where it cannot be kept."""
        try:
            if await to_thread.run_sync(size_bytes, self._home) >= self._most:
                say(f"feedback is refused: {self._home.feedback} has reached --set feedback_mb={self._most / 1e6:g}")
                raise ApiError(507, "this server keeps no more feedback; its owner can raise feedback_mb", "full")
            await to_thread.run_sync(append, self._home, entry)
        except OSError as error:
            say(f"feedback cannot be kept: {self._home.feedback}: {error.strerror}")
            raise ApiError(507, "the feedback could not be kept; the server's log says why", "not_kept") from error
        kept = {name: getattr(entry, name) for name in ("id", "model", "who", "time", "prompt_sha256")}
        return {"object": "feedback", **kept}


def who(request: Request) -> str:
    """The name of the key that the request came with."""
    return request.scope.get("key_name") or LOCAL


async def _version(model: str, catalog: Catalog, home: Home) -> str:
    """The version that the name means: of what answers here, else any that is registered."""
    try:
        return (await catalog.row(model)).version
    except ApiError:
        try:
            version = await to_thread.run_sync(named, model, home)
        except UserError:  # the registry cannot be read: the main model's follower says so
            version = None
        if version is None:
            raise
        return version.full_name
