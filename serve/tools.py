"""Chats with tools: llama.cpp writes and reads them as the model's own chat template has them.

There the whole prompt is one text, in which the name of a special token would be one: a message that holds such a name
is refused, so that here too no text can open or close a turn. A call cannot be forced: llama.cpp, as xllamacpp builds
it, leaves the grammar for it out and says nothing.
"""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from typing import Any, cast

from fastapi import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError
from serve.engine import EngineError
from serve.generation import Generations, seed_or_random
from serve.hang_up import unless_gone
from serve.llama_cpp import SEEDS, TOKENS_DRAWN_FROM, LlamaCppEngine
from serve.requests import ROLES, ChatRequest
from serve.responses import DONE, error_event, event
from tasks.progress import say

PASSED_ON = ("tools", "tool_choice", "parallel_tool_calls", "stop", "stream", "temperature", "top_p")
PENALTIES = ("frequency_penalty", "presence_penalty")


async def answer_with_tools(
    body: ChatRequest, served: LoadedVersion, generations: Generations, request: Request
) -> Response:
    """llama.cpp's answer under our names; ApiError where a message holds the name of a special token."""
    for field, is_set in {"n": body.n > 1, "logprobs": body.logprobs, "response_format": body.json_schema}.items():
        if is_set:
            raise ApiError(400, f"{field}: not together with tools; leave it out", "unsupported", field)
    messages = [
        message.model_dump(exclude_none=True) | {"role": ROLES.get(message.role, message.role)}
        for message in body.messages
    ]
    specials = served.prompt_builder.vocabulary.specials
    if name := special_in([messages, body.tools], specials):
        message = f"messages: they hold {name}, which would be no text here; leave it out"
        raise ApiError(400, message, "special_token", "messages")
    most = min(body.tokens or generations.limits.default_tokens, generations.limits.answer_tokens)
    fields = body.model_dump(exclude_none=True, by_alias=True, include={*PASSED_ON, *PENALTIES})
    theirs = fields | {
        "messages": messages,
        "max_tokens": most,
        "top_k": TOKENS_DRAWN_FROM,
        "min_p": 0.0,
        "seed": seed_or_random(body.seed) % SEEDS,
        "stream_options": {"include_usage": bool(body.stream_options and body.stream_options.include_usage)},
    }
    events = _events(theirs, served, generations)
    first = await unless_gone(request, lambda: anext(events))
    if not body.stream:
        await events.aclose()
        return JSONResponse(first)
    return StreamingResponse(_stream(first, events), media_type="text/event-stream")


async def _events(
    body: dict[str, Any], served: LoadedVersion, generations: Generations
) -> AsyncGenerator[dict[str, Any]]:
    """What llama.cpp sends, with the version's name and a slot held."""
    ours = {"model": served.name, "system_fingerprint": served.fingerprint or None}
    async with generations.slots.slot():
        try:
            async with aclosing(cast(LlamaCppEngine, served.engine).chat(body)) as events:
                async for one in events:
                    usage = one.get("usage") or {}
                    generations.metrics.count_tokens(
                        served.name, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
                    )
                    yield {name: value for name, value in one.items() if name != "timings"} | ours
        except EngineError as error:
            say(f"{served.name}: {error}")
            raise ApiError(400, str(error), "engine_refuses", "messages") from error


async def _stream(first: dict[str, Any], events: AsyncGenerator[dict[str, Any]]) -> AsyncGenerator[str]:
    async with aclosing(events):
        yield event(first)
        try:
            async for one in events:
                yield event(one)
        except ApiError as error:
            yield error_event(error)
        else:
            yield DONE


def special_in(value: Any, specials: Collection[str]) -> str | None:
    """The name of a special token in any text of the value."""
    if isinstance(value, str):
        return next((name for name in specials if name in value), None)
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((name for part in parts if (name := special_in(part, specials))), None)
