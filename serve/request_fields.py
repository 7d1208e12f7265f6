"""Fields of request bodies: their types, and the checks that several of them share."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, model_validator
from pydantic_core import PydanticCustomError

MAX_STOP_CHARACTERS = 200
MAX_STOPS = 16  # OpenAI takes 4, lm-eval sends more
MAX_PROMPTS = 128  # of one request
MAX_TAGS = 16  # entries of `metadata`, as at OpenAI's


def only(*neutral: Any) -> AfterValidator:
    """A field of OpenAI's that is accepted at its neutral values only."""

    def check(value: Any) -> Any:
        if value not in neutral:
            raise _unsupported()
        return value

    return AfterValidator(check)


def _unsupported() -> PydanticCustomError:
    return PydanticCustomError("unsupported", "not supported here; leave it out")


def texts_joined(content: Any) -> Any:
    """OpenAI's list of parts as one text; pictures and sound are refused."""
    if not isinstance(content, list):
        return content
    if not all(isinstance(p, dict) and p.get("type") == "text" and isinstance(p.get("text"), str) for p in content):
        raise PydanticCustomError("text_only", "only parts of type text can be read")
    return "".join(part["text"] for part in content)


def as_list(stop: Any) -> Any:
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


def default(value: Any) -> Callable[[Any], Any]:
    """null means the default, as OpenAI's clients mean it."""
    return lambda given: value if given is None else given


def few_tags(tags: Any) -> Any:
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
Stops = Annotated[list[Stop], Field(max_length=MAX_STOPS), FailFast(), BeforeValidator(as_list)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Penalty = Annotated[float, Field(ge=-2, le=2), BeforeValidator(default(0.0))]
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
