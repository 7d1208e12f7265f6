"""Request bodies: OpenAI's fields, each validated; what this server cannot do is refused by the field's name."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, FailFast, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from model.chat import TOP_P
from serve.request_fields import (
    Bias,
    Penalty,
    Prompts,
    RequestModel,
    Seed,
    Stops,
    Text,
    default,
    few_tags,
    only,
    texts_joined,
)

ROLES = {"developer": "system"}  # OpenAI's newer word for it
SPECIAL_FIELDS = ("frequency_penalty", "presence_penalty", "logit_bias", "min_p")
MAX_CHOICES = 16
MAX_BIASES = 1024  # tokens


class Message(RequestModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[Text, BeforeValidator(texts_joined)] = ""
    name: str | None = None
    tool_call_id: str | None = None  # of a `tool`: the call that it answers
    refusal: Annotated[Any, only(None)] = None
    annotations: Annotated[Any, only(None, [])] = None
    audio: Annotated[Any, only(None)] = None
    function_call: Annotated[Any, only(None)] = None
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
        return self.role == "tool" or bool(self.tool_calls or self.tool_call_id)


class StreamOptions(RequestModel):
    include_usage: bool = False
    include_obfuscation: Annotated[Any, only(None, False)] = None


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
    temperature: Annotated[float, Field(ge=0, le=2), BeforeValidator(default(1.0))] = 1.0
    top_p: Annotated[float, Field(ge=0, le=1), BeforeValidator(default(TOP_P))] = TOP_P
    seed: Seed | None = None
    stop: Stops = Field(default_factory=list)
    stream: Annotated[bool, BeforeValidator(default(False))] = False
    stream_options: StreamOptions | None = None
    user: str | None = None  # for whoever logs it; we do not
    safety_identifier: str | None = None  # the newer names of it
    prompt_cache_key: str | None = None
    metadata: Annotated[dict[str, str] | None, BeforeValidator(few_tags)] = None
    service_tier: Annotated[Any, only(None, "auto", "default")] = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES), BeforeValidator(default(1))] = 1
    frequency_penalty: Penalty = 0.0
    presence_penalty: Penalty = 0.0
    min_p: Annotated[float, Field(ge=0, le=1), BeforeValidator(default(0.0))] = 0.0  # not OpenAI's, but sent by many
    logit_bias: Annotated[dict[str, Bias], Field(max_length=MAX_BIASES), BeforeValidator(default({}))] = Field(
        default_factory=dict
    )

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
        return [name for name in SPECIAL_FIELDS if getattr(self, name)]


class ChatRequest(GenerationRequest):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1), FailFast()]
    max_completion_tokens: int | None = Field(None, ge=1)  # the newer name of max_tokens
    logprobs: Annotated[bool, BeforeValidator(default(False))] = False
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    parallel_tool_calls: bool | None = None
    store: Annotated[Any, only(None, False)] = None
    modalities: Annotated[Any, only(None, ["text"])] = None

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
        is_forced = bool(tools) and (isinstance(self.tool_choice, dict) or self.tool_choice == "required")
        others = [*(["logprobs"] if self.logprobs else []), *(["tool_choice"] if is_forced else [])]
        return [*super().special_fields, *format, *tools, *others]


class CountRequest(RequestModel):
    """POST /tokenize: a conversation to be counted."""

    model: str = ""
    messages: Annotated[list[Message], Field(min_length=1), FailFast()]


class TextRequest(GenerationRequest):
    """POST /v1/completions."""

    prompt: Prompts
    max_tokens: int | None = Field(None, ge=0)
    suffix: Annotated[Any, only(None, "")] = None
    echo: Annotated[bool, BeforeValidator(default(False))] = False
    best_of: Annotated[Any, only(None, 1)] = None
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
    encoding_format: Annotated[Literal["float", "base64"], BeforeValidator(default("float"))] = "float"
    dimensions: Annotated[Any, only(None)] = None
    user: str | None = None
