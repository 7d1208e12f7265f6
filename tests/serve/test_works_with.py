"""Programs that people have, at a server on llama.cpp: OpenAI's client, lm-eval, Open WebUI's requests, litellm."""

import json
import math
import urllib.request
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tasks.models.vocabulary import Vocabulary
from tasks.tracking.registry import find
from tests.serve.conftest import MODEL, Server

pytest.importorskip("xllamacpp")
MESSAGES: Any = [{"role": "user", "content": "When did the committee meet?"}]
SCHEMA = {
    "type": "object",
    "properties": {"met": {"type": "boolean"}, "month": {"enum": ["May", "June"]}},
    "required": ["met", "month"],
    "additionalProperties": False,
}


@pytest.fixture
def client(open_server: Server):
    with open_server.client() as client:
        yield client


def chat(client: OpenAI, **fields: Any) -> Any:
    knobs = {"model": MODEL, "messages": MESSAGES, "max_tokens": 12, "seed": 1}
    return client.chat.completions.create(**knobs | fields)


def test_the_start_and_the_list_of_models_say_which_engine_answers(open_server, client):
    assert "  engine      llama.cpp, q8_0" in open_server.stderr.read_text()
    assert client.models.retrieve(MODEL).engine == "llama.cpp, q8_0"


def test_json_of_a_schema(client):
    format = {"type": "json_schema", "json_schema": {"name": "meeting", "strict": True, "schema": SCHEMA}}
    answer = json.loads(chat(client, response_format=format, max_tokens=60).choices[0].message.content)
    assert answer.keys() == {"met", "month"} and answer["month"] in {"May", "June"}
    text = chat(client, response_format={"type": "json_object"}, max_tokens=1, temperature=0).choices[0].message.content
    assert text.startswith("{")
    format["json_schema"]["schema"] = {"type": "array", "uniqueItems": True}
    with pytest.raises(BadRequestError, match="cannot keep to this schema") as refused:
        chat(client, response_format=format)
    assert refused.value.param == "response_format"


def test_several_choices_are_those_of_their_seeds_and_stream_alike(client, home):
    specials = Vocabulary(find(MODEL, home).weights).specials.values()
    without_end = {str(id): -100 for id in specials}  # else a drawn answer may end at any token
    answer = chat(client, n=3, logit_bias=without_end)
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2] and len(set(texts)) > 1
    assert answer.usage.completion_tokens == 36
    assert answer.usage.prompt_tokens == chat(client).usage.prompt_tokens
    streamed = ["", "", ""]
    for chunk in chat(client, n=3, logit_bias=without_end, stream=True, stream_options={"include_usage": True}):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts and chunk.usage == answer.usage


def test_logprobs_of_a_chat_add_up_to_its_text(client):
    choice = chat(client, logprobs=True, top_logprobs=3, temperature=0).choices[0]
    rows = choice.logprobs.content
    assert len(rows) == 12
    text = b"".join(bytes(row.bytes) for row in rows).decode(errors="replace")
    assert text.rstrip("�") == choice.message.content.rstrip("�")
    for row in rows:
        assert len(row.top_logprobs) == 3
        assert row.logprob == row.top_logprobs[0].logprob <= 0  # the likeliest was taken
    chunks = list(chat(client, logprobs=True, temperature=0, stream=True))
    streamed = [row.token for chunk in chunks for row in (chunk.choices[0].logprobs.content or [])]
    assert streamed == [row.token for row in rows]


def test_a_penalty_changes_the_text_and_a_bias_decides_it(client, home):
    free = chat(client, temperature=0, max_tokens=40).choices[0].message.content
    assert chat(client, temperature=0, max_tokens=40, frequency_penalty=2.0).choices[0].message.content != free
    (wanted, *_) = Vocabulary(find(MODEL, home).weights).encode(" the")
    forced = chat(client, temperature=0, max_tokens=2, logit_bias={str(wanted): 100}).choices[0].message.content
    assert forced == " the the"


def test_prompts_of_a_text_request_may_be_several_and_ids(client, home):
    ids = Vocabulary(find(MODEL, home).weights).encode("The committee met")
    knobs = {"model": MODEL, "max_tokens": 3, "temperature": 0, "echo": True}
    answer = client.completions.create(**knobs, prompt=["The committee met", "It"])
    assert [choice.text[:5] for choice in answer.choices[:1]] == ["The c"] and answer.choices[1].text.startswith("It")
    by_ids = client.completions.create(**knobs, prompt=ids, logprobs=2)
    logprobs = by_ids.choices[0].logprobs
    assert "".join(logprobs.tokens[: len(ids)]) == "The committee met" and len(logprobs.tokens) == len(ids) + 3
    assert logprobs.token_logprobs[0] is None and all(value <= 0 for value in logprobs.token_logprobs[1:])
    assert logprobs.text_offset[:2] == [0, len(logprobs.tokens[0])]
    with pytest.raises(BadRequestError, match="no token 1000000"):
        client.completions.create(**knobs, prompt=[1_000_000])


def test_embeddings_are_vectors_of_length_1(client):
    answer = client.embeddings.create(model=MODEL, input=["The committee met", "Who?", "The committee met"])
    one, other, again = (row.embedding for row in answer.data)
    assert math.hypot(*one) == pytest.approx(1, abs=1e-3)
    assert math.dist(one, again) < math.dist(one, other)
    assert answer.usage.prompt_tokens > 3
    with pytest.raises(BadRequestError, match="from 1 to 512"):
        client.embeddings.create(model=MODEL, input="word " * 600)


def test_tools_are_refused_where_the_models_template_knows_none(client):
    tool = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
    with pytest.raises(BadRequestError, match="chat template knows no tools") as refused:
        chat(client, tools=[tool])
    assert refused.value.param == "tools"
    assert chat(client, tools=[tool], tool_choice="none").choices


def test_lm_eval_scores_over_the_api_as_on_the_weights(open_server, home):
    pytest.importorskip("tenacity")  # which lm-eval needs for servers
    completions = pytest.importorskip("lm_eval.models.openai_completions")
    from lm_eval.api.instance import Instance

    from tasks.evaluate.harness import DecoderLM

    weights = find(MODEL, home).weights
    pairs = [("The committee met", " in the spring"), ("The committee met", " in May."), ("Who?", " The senate")]
    requests = [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(pairs)]
    remote = completions.LocalCompletionsAPI(
        base_url=f"{open_server.url}/v1/completions",
        model=MODEL,
        tokenizer=str(weights),
        tokenizer_backend="huggingface",
        batch_size=2,
    )
    ours, theirs = (model.loglikelihood(requests) for model in (DecoderLM(weights), remote))
    for (own, own_greedy), (other, other_greedy) in zip(ours, theirs, strict=True):
        assert other == pytest.approx(own, abs=1e-4) and other_greedy == own_greedy


def test_lm_eval_chats_over_the_api(open_server):
    pytest.importorskip("tenacity")
    completions = pytest.importorskip("lm_eval.models.openai_completions")
    from lm_eval.api.instance import Instance

    remote = completions.LocalChatCompletion(base_url=f"{open_server.url}/v1/chat/completions", model=MODEL)
    knobs = {"until": ["\n\n", "Question:"], "max_gen_toks": 8, "do_sample": False}
    prompt = remote.apply_chat_template([{"role": "user", "content": "When did they meet?"}])
    (text,) = remote.generate_until([Instance("generate_until", {}, (prompt, knobs), 0)])
    assert isinstance(text, str)


def test_what_open_webui_sends(open_server):
    with urllib.request.urlopen(f"{open_server.url}/v1/models") as reply:
        models = json.loads(reply.read())
    assert models["object"] == "list" and models["data"][0]["id"] == MODEL
    body = {
        "stream": True,
        "model": MODEL,
        "messages": [{"role": "system", "content": "Be brief."}, *MESSAGES],
        "stream_options": {"include_usage": True},
        "temperature": 0.7,
        "top_p": 0.9,
        "min_p": 0.05,
        "max_tokens": 8,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.1,
        "seed": 3,
        "stop": ["\n\n"],
        "logit_bias": {},
        "user": "me",
    }
    request = urllib.request.Request(
        f"{open_server.url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        events = [line.removeprefix("data: ") for line in reply.read().decode().split("\n\n") if line]
    assert events[-1] == "[DONE]" and json.loads(events[-2])["usage"]["completion_tokens"] <= 8
    assert {json.loads(event)["object"] for event in events[:-1]} == {"chat.completion.chunk"}


def test_litellm(open_server):
    litellm = pytest.importorskip("litellm")
    answer = litellm.completion(
        model=f"openai/{MODEL}",
        api_base=f"{open_server.url}/v1",
        api_key="none",
        messages=MESSAGES,
        max_tokens=4,
        temperature=0,
    )
    assert answer.usage.completion_tokens == 4
    vectors = litellm.embedding(
        model=f"openai/{MODEL}", api_base=f"{open_server.url}/v1", api_key="none", input=["The committee met"]
    )
    assert len(vectors.data) == 1


def test_metrics_and_readiness(open_server, client):
    chat(client)
    with urllib.request.urlopen(f"{open_server.url}/metrics") as reply:
        text = reply.read().decode()
        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(values['triptych_requests_total{path="/v1/chat/completions",status="200"}']) >= 1
    assert int(values['triptych_tokens_total{model="tiny-instruct/1",kind="answer"}']) >= 12
    assert int(values["triptych_first_token_seconds_count"]) >= 1 and values["triptych_slots"] == "16"
    with urllib.request.urlopen(f"{open_server.url}/ready") as reply:
        assert json.loads(reply.read()) == {"status": "ready"}
