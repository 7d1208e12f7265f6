"""What one request can cost the others, with a model made up."""

import asyncio
import json
import threading

import pytest
from pydantic import ValidationError

from serve.requests import ChatRequest
from tests.serve.stand_in import CHAT, Follower, client_of


def test_other_clients_are_answered_while_a_prompt_is_tokenized():
    started, release = threading.Event(), threading.Event()

    def of_turns(turns):
        started.set()
        assert release.wait(30)
        return [1], {0}

    async def run():
        async with client_of(Follower(of_turns)) as client:
            slow = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
            try:
                assert await asyncio.to_thread(started.wait, 30)
                models = await client.get("/v1/models")
                assert models.json()["data"][0]["version"] == "tiny/1" and not slow.done()
            finally:
                release.set()
            assert (await slow).status_code == 200

    asyncio.run(run())


MANY = 100_000


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [1] * MANY},
        {"messages": [{"role": "user"}] * MANY},
        {"messages": [{str(number): 1 for number in range(MANY)}]},
        CHAT | {str(number): 1 for number in range(MANY)},
        CHAT | {"metadata": {str(number): 1 for number in range(MANY)}},
        CHAT | {"stop": [1] * MANY},
        CHAT | {"messages": [{"role": "user", "content": [1] * MANY}]},
    ],
    ids=lambda fields: ",".join(list(fields)[:2]),
)
def test_a_body_full_of_mistakes_is_refused_at_the_first_ones(fields):
    body = json.dumps(fields).encode()
    with pytest.raises(ValidationError) as refused:
        ChatRequest.model_validate_json(body)
    assert refused.value.error_count() < 40

    async def run():
        async with client_of(Follower()) as client:
            return await client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})

    answer = asyncio.run(run())
    assert answer.status_code == 400 and len(answer.content) < 1000


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_sent_as_json_is_refused(kind):
    async def run():
        async with client_of(Follower()) as client:
            return await client.post("/v1/chat/completions", content=json.dumps(CHAT), headers={"Content-Type": kind})

    answer = asyncio.run(run())
    assert answer.status_code == 400 and "application/json" in answer.json()["error"]["message"]


def test_a_failure_inside_a_stream_is_its_last_event(caplog):
    def generate(prompt, sampling):
        yield 104
        raise RuntimeError("the engine broke")

    async def run():
        async with client_of(Follower(generate=generate)) as client:
            return await client.post("/v1/chat/completions", json=CHAT | {"stream": True})

    events = [line for line in asyncio.run(run()).text.split("\n\n") if line]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "internal_error"
    assert not any("[DONE]" in event or "the engine broke" in event for event in events)
    assert "the engine broke" in caplog.text


def test_health_names_no_path_of_the_home():
    follower = Follower()
    follower.trouble = "/home/me/store/model.safetensors: not what was registered"

    async def run():
        async with client_of(follower) as client:
            return (await client.get("/health")).json()

    health = asyncio.run(run())
    assert health["status"] == "behind its alias" and "/home" not in health["why"]
