"""Request bodies: OpenAI's fields, each validated; what this server cannot do is refused by the field's name."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from model.chat import TOP_P

ROLES = {"developer": "system"}  # OpenAI's newer word for it
MAX_STOP_CHARACTERS = 200
MAX_TAGS = 16  # entries of `metadata`, as at OpenAI's


def _only(*neutral: Any) -> AfterValidator:
    """A field of OpenAI's that is accepted at its neutral values only."""

    def check(value: Any) -> Any:
        if value not in neutral:
            raise _unsupported()
        return value

    return AfterValidator(check)


def _unsupported() -> PydanticCustomError:
    return PydanticCustomError("unsupported", "not supported here; leave it out")


def _texts_joined(content: Any) -> Any:
    """OpenAI's list of parts as one text; pictures and sound are refused."""
    if not isinstance(content, list):
        return content
    if not all(isinstance(p, dict) and p.get("type") == "text" and isinstance(p.get("text"), str) for p in content):
        raise PydanticCustomError("text_only", "only parts of type text can be read")
    return "".join(part["text"] for part in content)


def _as_list(stop: Any) -> Any:
    return [] if stop is None else [stop] if isinstance(stop, str) else stop


def _one(prompt: Any) -> Any:
    if isinstance(prompt, list):
        if len(prompt) != 1 or not isinstance(prompt[0], str):
            raise PydanticCustomError("one_text", "one text a request; token ids are not taken")
        return prompt[0]
    return prompt


def _default(value: Any) -> Callable[[Any], Any]:
    """null means the default, as OpenAI's clients mean it."""
    return lambda given: value if given is None else given


def _few(tags: Any) -> Any:
    if isinstance(tags, dict) and len(tags) > MAX_TAGS:
        raise PydanticCustomError(
            "too_many", "{count} entries, and {most} are the most", {"count": len(tags), "most": MAX_TAGS}
        )
    return tags


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("not_unicode", "holds half a character (an unpaired surrogate)") from None
    return text


Text = Annotated[str, AfterValidator(_encodable)]
Stop = Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARACTERS)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class RequestModel(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, fields: Any) -> Any:
        """Refuses an object of more fields than there are by one of them: a list of all would be without bound."""
        if isinstance(fields, dict) and len(fields) > len(cls.model_fields):
            unknown = next(name for name in fields if name not in cls.model_fields)
            about = {"count": len(fields), "unknown": unknown[:40]}
            raise PydanticCustomError("too_many", "{count} fields, of which {unknown} does not exist", about)
        return fields


class Message(RequestModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[Text, BeforeValidator(_texts_joined)]
    name: str | None = None
    refusal: Annotated[Any, _only(None)] = None
    annotations: Annotated[Any, _only(None, [])] = None
    audio: Annotated[Any, _only(None)] = None
    function_call: Annotated[Any, _only(None)] = None
    tool_calls: Annotated[Any, _only(None, [])] = None


class StreamOptions(RequestModel):
    include_usage: bool = False
    include_obfuscation: Annotated[Any, _only(None, False)] = None


class GenerationRequest(RequestModel):
    """What both endpoints take."""

    model: str = ""
    max_tokens: int | None = Field(None, ge=1)
    temperature: Annotated[float, Field(ge=0, le=2), BeforeValidator(_default(1.0))] = 1.0
    top_p: Annotated[float, Field(ge=0, le=1), BeforeValidator(_default(TOP_P))] = TOP_P
    seed: Seed | None = None
    stop: Annotated[list[Stop], Field(max_length=4), FailFast(), BeforeValidator(_as_list)] = []
    stream: Annotated[bool, BeforeValidator(_default(False))] = False
    stream_options: StreamOptions | None = None
    user: str | None = None  # for whoever logs it; we do not
    safety_identifier: str | None = None  # the newer names of it
    prompt_cache_key: str | None = None
    metadata: Annotated[dict[str, str] | None, BeforeValidator(_few)] = None
    service_tier: Annotated[Any, _only(None, "auto", "default")] = None
    n: Annotated[Any, _only(None, 1)] = None
    frequency_penalty: Annotated[Any, _only(None, 0)] = None
    presence_penalty: Annotated[Any, _only(None, 0)] = None
    logit_bias: Annotated[Any, _only(None, {})] = None

    @property
    def tokens(self) -> int | None:
        return self.max_tokens


class ChatRequest(GenerationRequest):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1), FailFast()]
    max_completion_tokens: int | None = Field(None, ge=1)  # the newer name of max_tokens
    logprobs: Annotated[Any, _only(None, False)] = None
    top_logprobs: Annotated[Any, _only(None, 0)] = None
    response_format: Annotated[Any, _only(None, {"type": "text"})] = None
    tool_choice: Annotated[Any, _only(None, "none", "auto")] = None  # before `tools`, whose check reads it
    tools: list[Any] | None = None
    parallel_tool_calls: Annotated[Any, _only(None, False, True)] = None
    store: Annotated[Any, _only(None, False)] = None
    modalities: Annotated[Any, _only(None, ["text"])] = None

    @field_validator("tools")
    @classmethod
    def _tools_are_not_to_be_called(cls, tools: Any, others: ValidationInfo) -> Any:
        if tools and others.data.get("tool_choice") != "none":
            raise _unsupported()
        return tools

    @property
    def tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class CountRequest(RequestModel):
    """POST /tokenize: a conversation to be counted."""

    model: str = ""
    messages: Annotated[list[Message], Field(min_length=1), FailFast()]


class TextRequest(GenerationRequest):
    """POST /v1/completions."""

    prompt: Annotated[Text, BeforeValidator(_one)]
    suffix: Annotated[Any, _only(None, "")] = None
    echo: Annotated[Any, _only(None, False)] = None
    best_of: Annotated[Any, _only(None, 1)] = None
    logprobs: Annotated[Any, _only(None)] = None
