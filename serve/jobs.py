"""A request's prompts and settings as generation jobs; what the engine cannot do is refused by the field's name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.chat import Turn
from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError
from serve.engine import Engine, Sampling
from serve.generation import GenerationJob, max_answer_tokens, seed_or_random
from serve.limits import Limits
from serve.requests import ROLES, ChatRequest, GenerationRequest, Message


@dataclass(frozen=True)
class Prompt:
    """Ids to go on from, the ids that end the text, and how many of the prompt's last ids begin the text."""

    ids: list[int]
    ends: set[int]
    echoed: int | None = None


def check_fields(fields: Sequence[str], engine: Engine) -> None:
    """ApiError names a field that the engine cannot do."""
    if lacking := [field for field in fields if field not in engine.can]:
        if lacking[0] == "tools":
            why = "this model's chat template knows no tools"
            why = why if "response_format" in engine.can else f"the engine {engine.name} calls none"
        else:
            why = f"the engine {engine.name} cannot do it"
        raise ApiError(400, f"{lacking[0]}: {why}; leave it out", "unsupported", lacking[0])


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    return [Turn(ROLES.get(message.role, message.role), message.content) for message in messages]


def ids_of(served: LoadedVersion, given: str | list[int]) -> list[int]:
    """A text's ids, or those that were given; ApiError where one of these is not in the vocabulary."""
    if isinstance(given, str):
        return served.prompt_builder.encode(given)
    size = served.prompt_builder.vocabulary.size
    if wrong := next((id for id in given if id >= size), None):
        raise ApiError(400, f"prompt: no token {wrong}; there are {size:,}", "invalid_request", "prompt")
    return given


def text_prompt(served: LoadedVersion, given: str | list[int], echo: bool) -> Prompt:
    """A text is continued as the beginning of a document; ids are taken as they are."""
    if isinstance(given, str):
        ids, ends = served.prompt_builder.of_text(given)
        return Prompt(ids, ends, len(ids) - 1 if echo else None)
    _, ends = served.prompt_builder.of_text("")
    return Prompt(ids_of(served, given), ends, len(given) if echo else None)


def jobs_of(
    served: LoadedVersion, prompts: Sequence[Prompt], body: GenerationRequest, limits: Limits
) -> Iterator[GenerationJob]:
    """`n` jobs for each prompt, each with a seed of its own."""
    seed, bias = seed_or_random(body.seed), {int(id): value for id, value in body.logit_bias.items()}
    if wrong := next((id for id in bias if id >= served.prompt_builder.vocabulary.size), None):
        raise ApiError(400, f"logit_bias: no token {wrong}", "invalid_request", "logit_bias")
    for prompt in prompts:
        most = max_answer_tokens(served, prompt.ids, body.tokens, limits)
        for number in range(body.n):
            sampling = Sampling(
                most,
                body.temperature,
                body.top_p,
                seed + number,
                frozenset(prompt.ends),
                continues=not (isinstance(body, ChatRequest) and served.prompt_builder.answers),
                frequency_penalty=body.frequency_penalty,
                presence_penalty=body.presence_penalty,
                logit_bias=bias,
                min_p=body.min_p,
                json_schema=body.json_schema if isinstance(body, ChatRequest) else "",
                logprobs=body.scores,
            )
            yield GenerationJob(served, tuple(prompt.ids), sampling, tuple(body.stop), prompt.echoed)
