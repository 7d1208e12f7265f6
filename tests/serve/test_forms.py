"""Requests in forms that the API does not take, or takes without doing more: each is answered with what is meant."""

import asyncio

import pytest
from pydantic import ValidationError

from serve.requests import ChatRequest
from serve.tools import special_in
from tasks.errors import UsageError
from tests.serve.stand_in import CHAT, Follower, client_of


def test_turns_that_the_model_has_no_marks_for_are_refused_with_the_reason():
    def of_turns(turns):
        raise UsageError("this model's chat template marks turns otherwise", "choose another")

    async def run():
        async with client_of(Follower(of_turns)) as client:
            return [await client.post(path, json=CHAT) for path in ("/v1/chat/completions", "/tokenize")]

    for answer in asyncio.run(run()):
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "this model's chat template marks turns otherwise; choose another"


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/completions", "/v1/completions"),
        ("/v1/chat/completion/", "/v1/chat/completions"),
        ("/models", "/v1/models"),
    ],
)
def test_a_path_beside_an_endpoint_names_it(path, meant):
    async def run():
        async with client_of(Follower()) as client:
            return await client.post(path, json=CHAT)

    answer = asyncio.run(run())
    assert answer.status_code == 404 and f"did you mean {meant}?" in answer.json()["error"]["message"]


@pytest.mark.parametrize("fields", [{"tools": []}, {"tools": [{"type": "function"}], "tool_choice": "none"}])
def test_tools_that_are_not_to_be_called_are_ignored(fields):
    assert not ChatRequest.model_validate(CHAT | fields).is_of_tools


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"messages": [*CHAT["messages"], {"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"7": 1}}, "logit_bias"),
    ],
)
def test_what_the_engine_cannot_do_is_refused_by_the_fields_name(fields, named):
    async def run():
        async with client_of(Follower()) as client:
            return await client.post("/v1/chat/completions", json=CHAT | fields)

    error = asyncio.run(run()).json()["error"]
    assert error["param"] == named and "made up" in error["message"]


def test_a_call_of_a_tool_cannot_be_forced():
    tool = {"tools": [{"type": "function"}]}
    assert ChatRequest.model_validate(CHAT | tool).special_fields == ["tools"]
    for choice in ("required", {"type": "function", "function": {"name": "now"}}):
        assert "tool_choice" in ChatRequest.model_validate(CHAT | tool | {"tool_choice": choice}).special_fields


def test_a_special_tokens_name_is_found_wherever_it_stands():
    messages = [{"role": "user", "content": "hello"}, {"role": "tool", "content": "a <|end|> b"}]
    assert special_in([messages, None], {"<|end|>": 5}) == "<|end|>"
    assert special_in([messages[:1], [{"function": {"name": "now"}}]], {"<|end|>": 5}) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_object", "json_schema": {"schema": {}}}},
        {"top_logprobs": 2},
        {"n": 0},
        {"logit_bias": {"seven": 1}},
        {"messages": [{"role": "assistant", "content": None}]},
    ],
)
def test_fields_that_do_not_go_together_are_refused(fields):
    with pytest.raises(ValidationError):
        ChatRequest.model_validate(CHAT | fields)
