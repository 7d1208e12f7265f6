"""Feedback over the API: kept with version, prompt hash, who and when; a bad body is refused by its field."""

import asyncio
import hashlib
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from serve.api_error import ApiError
from serve.feedback import Recorder
from serve.limits import limits
from tasks.feedback.log import entries
from tasks.home import Home
from tests.serve.conftest import MODEL, Server
from tests.tasks.feedback.entries import judged

GOOD = {"model": MODEL, "prompt": "When did they meet?", "answer": "In May.", "rating": "up"}
TURNS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
BAD = {  # what is sent beside a good body, and the field or words that the message names
    "rating: ": {"rating": "sideways"},
    "a rating (up, down) or a correction is expected": {"rating": None},
    "the correction is empty": {"rating": None, "correction": "  "},
    "says what the answer says": {"rating": None, "correction": "In May. "},
    "needs no correction": {"correction": "In June."},
    "give either prompt or messages": {"messages": TURNS},
    "prompt: the last turn": {"prompt": " "},
    "messages: the last turn": {"prompt": None, "messages": TURNS[:2]},
    "messages.0.role": {"prompt": None, "messages": [{"role": "tool", "content": "x"}]},
    "answer: ": {"answer": 7},
    "answer": {"answer": "x" * 200_001},
    "comment": {"comment": "x" * 10_001},
    "no such field": {"stars": 5},
    "no model 'tiny-instruct/9' here": {"model": "tiny-instruct/9"},
    "not JSON": {"answer": "\ud800"},  # half a character
}


def send(url: str, body: Any, key: str = "") -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(f"{url}/v1/feedback", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_rating_is_kept_with_version_prompt_hash_who_and_when(open_server: Server, home):
    status, reply = send(open_server.url, {**GOOD, "comment": "short", "response_id": "chatcmpl-1"})
    assert (status, reply["model"], reply["who"]) == (201, "tiny-instruct/1", "local")
    entry = next(entry for entry in entries(home) if entry.id == reply["id"])
    assert entry.prompt_sha256 == hashlib.sha256(b"When did they meet?").hexdigest() == reply["prompt_sha256"]
    assert (entry.model, entry.rating, entry.comment, entry.time) == ("tiny-instruct/1", "up", "short", reply["time"])


def test_a_correction_of_a_version_that_answers_no_longer_is_kept(open_server: Server, home):
    body = {"model": "tiny-instruct/2", "messages": TURNS, "answer": "d", "correction": "e", "rating": "down"}
    status, reply = send(open_server.url, body)
    entry = next(entry for entry in entries(home) if entry.id == reply["id"])
    assert (status, entry.kind, entry.model, entry.correction) == (201, "correction", "tiny-instruct/2", "e")
    assert [turn.content for turn in entry.messages] == ["a", "b", "c"]


@pytest.mark.parametrize("message", BAD)
def test_a_bad_body_is_refused_by_its_field_and_nothing_is_kept(open_server: Server, home, message):
    before = len(entries(home))
    status, reply = send(open_server.url, {**GOOD, **BAD[message]})
    assert status in (400, 404) and message in reply["error"]["message"]
    assert len(entries(home)) == before


def test_where_keys_are_required_the_holder_is_kept_and_nobody_else_is_heard(guarded: Server, guarded_home, key):
    assert send(guarded.url, GOOD)[0] == 401
    status, reply = send(guarded.url, GOOD, key)
    assert (status, reply["who"]) == (201, "laptop")
    assert [entry.who for entry in entries(guarded_home)] == ["laptop"]


def test_a_home_keeps_no_more_feedback_than_it_is_set_to(tmp_path):
    home, recorder = Home(tmp_path), Recorder(Home(tmp_path), limits(["feedback_mb=0.0001"]))
    asyncio.run(recorder.record(judged()))
    with pytest.raises(ApiError, match="feedback_mb") as refused:
        asyncio.run(recorder.record(judged()))
    assert refused.value.status == 507 and len(entries(home)) == 1
