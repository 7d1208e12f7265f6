"""Request bodies: OpenAI's fields, each validated; what this server cannot do is refused by the field's name."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

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
MAX_STOPS = 16  # OpenAI takes 4, lm-eval sends more
MAX_CHOICES = 16
MAX_PROMPTS = 128  # of one request
MAX_BIASES = 1024  # tokens
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


def _as_prompts(given: Any) -> Any:
    """A text, texts, the ids of one text, or lists of ids: as a list of texts or of ids."""
    prompts = given if isinstance(given, list) and given and not _is_id(given[0]) else [given]
    if len(prompts) > MAX_PROMPTS:
        raise PydanticCustomError(
            "too_many", "{count} texts, and {most} are the most", {"count": len(prompts), "most": MAX_PROMPTS}
        )
    for prompt in prompts:
        if isinstance(prompt, str):
            _encodable(prompt)
        elif not (isinstance(prompt, list) and prompt and all(map(_is_id, prompt))):
            raise PydanticCustomError("no_text", "a text, token ids, or a list of either is expected")
    return prompts


def _is_id(value: Any) -> bool:
    return type(value) is int and value >= 0


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
Prompts = Annotated[list[Any], BeforeValidator(_as_prompts)]  # each a str, or list[int]
Stop = Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARACTERS)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Penalty = Annotated[float, Field(ge=-2, le=2), BeforeValidator(_default(0.0))]
Bias = Annotated[float, Field(ge=-100, le=100)]


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
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[Text, BeforeValidator(_texts_joined)] = ""
    name: str | None = None
    tool_call_id: str | None = None  # of a `tool`: the call that it answers
    refusal: Annotated[Any, _only(None)] = None
    annotations: Annotated[Any, _only(None, [])] = None
    audio: Annotated[Any, _only(None)] = None
    function_call: Annotated[Any, _only(None)] = None
    tool_calls: list[dict[str, Any]] | None = None  # of an assistant that has called tools

    @model_validator(mode="before")
    @classmethod
    def _says_something(cls, fields: Any) -> Any:
        """Only a turn that calls tools may lack its text, or have null for it."""
        if isinstance(fields, dict) and fields.get("content") is None:
            if not fields.get("tool_calls"):
                raise PydanticCustomError("no_content", "a text is expected as content")
            return fields | {"content": ""}
        return fields

    @property
    def is_of_tools(self) -> bool:
        return self.role == "tool" or bool(self.tool_calls)


class StreamOptions(RequestModel):
    include_usage: bool = False
    include_obfuscation: Annotated[Any, _only(None, False)] = None


class SchemaFormat(RequestModel):
    """OpenAI's `json_schema` of a response format."""

    name: str = ""
    description: str | None = None
    strict: bool | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


class ResponseFormat(RequestModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if (self.type == "json_schema") != bool(self.json_schema and self.json_schema.schema_ is not None):
            raise PydanticCustomError(
                "schema", "json_schema with a schema goes with type json_schema, and with it only"
            )
        return self

    @property
    def schema_text(self) -> str:
        if self.type == "text":
            return ""
        return json.dumps(self.json_schema.schema_ if self.json_schema else {"type": "object"})


class GenerationRequest(RequestModel):
    """What both endpoints take."""

    model: str = ""
    max_tokens: int | None = Field(None, ge=1)
    temperature: Annotated[float, Field(ge=0, le=2), BeforeValidator(_default(1.0))] = 1.0
    top_p: Annotated[float, Field(ge=0, le=1), BeforeValidator(_default(TOP_P))] = TOP_P
    seed: Seed | None = None
    stop: Annotated[list[Stop], Field(max_length=MAX_STOPS), FailFast(), BeforeValidator(_as_list)] = []
    stream: Annotated[bool, BeforeValidator(_default(False))] = False
    stream_options: StreamOptions | None = None
    user: str | None = None  # for whoever logs it; we do not
    safety_identifier: str | None = None  # the newer names of it
    prompt_cache_key: str | None = None
    metadata: Annotated[dict[str, str] | None, BeforeValidator(_few)] = None
    service_tier: Annotated[Any, _only(None, "auto", "default")] = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES), BeforeValidator(_default(1))] = 1
    frequency_penalty: Penalty = 0.0
    presence_penalty: Penalty = 0.0
    logit_bias: Annotated[dict[str, Bias], Field(max_length=MAX_BIASES), BeforeValidator(_default({}))] = {}

    @field_validator("logit_bias")
    @classmethod
    def _of_ids(cls, bias: dict[str, float]) -> dict[str, float]:
        if not all(id.isascii() and id.isdigit() for id in bias):
            raise PydanticCustomError("token_ids", "token ids are expected as keys")
        return bias

    @property
    def tokens(self) -> int | None:
        return self.max_tokens

    @property
    def scores(self) -> int | None:
        """How many likeliest tokens are to be shown beside each; None: no log-probabilities."""
        return None

    @property
    def special_fields(self) -> list[str]:
        """Those that not every engine can do, of what this request sets."""
        return [name for name in ("frequency_penalty", "presence_penalty", "logit_bias") if getattr(self, name)]


class ChatRequest(GenerationRequest):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1), FailFast()]
    max_completion_tokens: int | None = Field(None, ge=1)  # the newer name of max_tokens
    logprobs: Annotated[bool, BeforeValidator(_default(False))] = False
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    parallel_tool_calls: bool | None = None
    store: Annotated[Any, _only(None, False)] = None
    modalities: Annotated[Any, _only(None, ["text"])] = None

    @field_validator("top_logprobs")
    @classmethod
    def _beside_logprobs(cls, top: int | None, others: ValidationInfo) -> int | None:
        if top is not None and not others.data.get("logprobs"):
            raise PydanticCustomError("logprobs", "logprobs must be true beside it")
        return top

    @property
    def tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def scores(self) -> int | None:
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def json_schema(self) -> str:
        """The JSON that the answer must be; "" where it may be any text."""
        return self.response_format.schema_text if self.response_format else ""

    @property
    def is_of_tools(self) -> bool:
        """Whether tools may be called, or were: what the model's own template writes."""
        called = any(message.is_of_tools for message in self.messages)
        return called or bool(self.tools and self.tool_choice != "none")

    @property
    def special_fields(self) -> list[str]:
        format = ["response_format"] if self.json_schema else []
        tools = (["tools"] if self.tools else ["messages"]) if self.is_of_tools else []
        return [*super().special_fields, *format, *(["logprobs"] if self.logprobs else []), *tools]


class CountRequest(RequestModel):
    """POST /tokenize: a conversation to be counted."""

    model: str = ""
    messages: Annotated[list[Message], Field(min_length=1), FailFast()]


class TextRequest(GenerationRequest):
    """POST /v1/completions."""

    prompt: Prompts
    max_tokens: int | None = Field(None, ge=0)
    suffix: Annotated[Any, _only(None, "")] = None
    echo: Annotated[bool, BeforeValidator(_default(False))] = False
    best_of: Annotated[Any, _only(None, 1)] = None
    logprobs: int | None = Field(None, ge=0, le=20)

    @field_validator("echo")
    @classmethod
    def _writes_something(cls, echo: bool, others: ValidationInfo) -> bool:
        if not echo and others.data.get("max_tokens") == 0:
            raise PydanticCustomError("nothing", "with max_tokens = 0 there is nothing to answer unless echo is true")
        return echo

    @property
    def scores(self) -> int | None:
        return self.logprobs


class EmbeddingRequest(RequestModel):
    """POST /v1/embeddings."""

    model: str = ""
    input: Prompts
    encoding_format: Annotated[Literal["float", "base64"], BeforeValidator(_default("float"))] = "float"
    dimensions: Annotated[Any, _only(None)] = None
    user: str | None = None
