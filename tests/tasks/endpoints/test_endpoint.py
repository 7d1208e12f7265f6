"""Models elsewhere as contestants: answers in order, tries, limits, money, the cache; and no key where none belongs."""

import json

import pytest

from tasks.endpoints.address import EndpointAddress, parse_address
from tasks.endpoints.answer_cache import AnswerCache
from tasks.endpoints.budget import Budget, Prices, parse_prices
from tasks.endpoints.endpoint import Endpoint, EndpointSettings
from tasks.errors import UsageError, UserError
from tests.tasks.endpoints.stand_in import elsewhere, error, good

KEY = "sk-a-secret-that-no-one-sees"
HASTY = EndpointSettings(seconds=0.5, first_wait=0.001)


@pytest.fixture
def server():
    with elsewhere() as server:
        yield server


@pytest.fixture
def endpoint(server, tmp_path):
    return _endpoint(server, tmp_path)


def _endpoint(server, folder, budget=None, model="tiny", settings=HASTY):
    return Endpoint(
        EndpointAddress(server.url, model), AnswerCache(folder / "answers.db"), budget or Budget(), settings
    )


def _asked(*texts):
    return [[{"role": "user", "content": text}] for text in texts]


def test_answers_come_in_the_order_of_the_conversations(server, endpoint):
    server.respond = lambda body: good(f"answer to {body['messages'][-1]['content']}")
    received = endpoint.answer(_asked(*map(str, range(30))), 12)
    assert [reply.text for reply in received.replies] == [f"answer to {number}" for number in range(30)]
    assert {(body["model"], body["max_tokens"], body["temperature"]) for _, _, body in server.received} == {
        ("tiny", 12, 0.0)
    }


def test_a_request_is_sent_and_paid_once(server, endpoint, tmp_path):
    endpoint.answer(_asked("a", "b"), 12)
    budget = Budget(prices=Prices(1e6, 1e6))
    received = _endpoint(server, tmp_path, budget).answer(_asked("a", "b", "c"), 12)
    assert (received.cached, budget.spent.requests, budget.spent.money) == (2, 1, 6.0)
    _endpoint(server, tmp_path).answer(_asked("a"), 13)
    _endpoint(server, tmp_path, model="other").answer(_asked("a"), 12)
    assert len(server.received) == 5, "another length or model is another request"


@pytest.mark.parametrize(
    "trouble",
    [
        error(429, "slow down", Retry_After="0"),
        error(500, "oops"),
        (503, {}, b"<html>busy</html>"),
        (200, {}, b"{"),
        (200, {}, b"[" * 100_000),
        (200, {}, b'"text"'),
        (200, {}, b'{"choices": []}'),
        (200, {}, b'{"choices": [{"message": {"content": 7}}]}'),
        (200, {}, b'{"choices": [{"message": null}]}'),
        (200, {}, b" " * (9 * 2**20)),
    ],
    ids=[
        "429", "500", "503", "cut JSON", "nested", "no object", "no choice", "no text", "no message", "too much"
    ],
)  # fmt: skip
def test_what_may_pass_is_sent_again(server, endpoint, trouble):
    server.in_turn(trouble, trouble)
    (reply,) = endpoint.answer(_asked("a"), 12).replies
    assert reply.text == "yes" and len(server.received) == 3


def test_a_server_that_stays_broken_ends_with_its_words_and_keeps_what_came(server, endpoint, tmp_path):
    server.respond = lambda body: (
        good() if body["messages"][0]["content"] == "a" else error(500, "out\nof\x1b[31m order")
    )
    with pytest.raises(UserError, match=r"answered 500: out of\[31m order; so it was 6 times"):
        endpoint.answer(_asked("a", "b"), 12)
    assert AnswerCache(tmp_path / "answers.db").read(
        {"url": server.url, "model": "tiny", "messages": _asked("a")[0], "max_tokens": 12, "temperature": 0.0}
    )


def test_a_response_that_never_ends_is_given_up(server, tmp_path):
    server.drips = True
    endpoint = _endpoint(server, tmp_path, settings=EndpointSettings(seconds=0.1, first_wait=0.001))
    with pytest.raises(UserError, match=r"no whole response within 0\.1 s"):
        endpoint.answer(_asked("a"), 12)


def test_a_server_that_is_gone_is_reported(tmp_path):
    with elsewhere() as server:
        pass
    with pytest.raises(UserError, match="cannot be reached"):
        _endpoint(server, tmp_path).answer(_asked("a"), 12)


def test_the_key_goes_to_its_host_alone_and_is_never_shown_or_stored(server, endpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRIPTYCH_KEY_127_0_0_1", KEY)
    monkeypatch.setenv("TRIPTYCH_KEY_API_OPENAI_COM", "another")
    server.in_turn(good(), error(401, f"Incorrect API key provided: {KEY}"))
    endpoint = _endpoint(server, tmp_path)
    endpoint.answer(_asked("a"), 12)
    assert server.received[0][1]["authorization"] == f"Bearer {KEY}"
    with pytest.raises(UserError, match=r"refuses the key \(401\)(.|\n)*TRIPTYCH_KEY_127_0_0_1") as refused:
        endpoint.answer(_asked("b"), 12)
    assert KEY not in str(refused.value) + "".join(capsys.readouterr())
    assert KEY.encode() not in (tmp_path / "answers.db").read_bytes()


def test_a_redirect_is_not_followed(server, endpoint):
    server.respond = lambda body: (307, {"location": "http://127.0.0.1:1/v1/chat/completions"}, b"")
    with pytest.raises(UsageError, match="redirects elsewhere"):
        endpoint.answer(_asked("a"), 12)
    assert len(server.received) == 1


def test_no_credit_and_a_missing_model_end_at_once(server, endpoint):
    for trouble, words in (
        (error(429, "You exceeded your quota", "insufficient_quota"), "no credit"),
        (error(404, "no model tiny"), "no such model"),
    ):
        server.received.clear()
        server.respond = lambda body, trouble=trouble: trouble
        with pytest.raises(UserError, match=words):
            endpoint.answer(_asked("a"), 12)
        assert len(server.received) == 1


def test_a_refused_request_is_a_failure_of_its_own_and_is_not_kept(server, endpoint):
    server.respond = lambda body: error(400, "too long") if len(body["messages"][0]["content"]) > 9 else good()
    replies = endpoint.answer(_asked("short", "much too long"), 12).replies
    assert [(reply.text, reply.failure) for reply in replies] == [("yes", ""), ("", "400: too long")]
    assert endpoint.answer(_asked("short", "much too long"), 12).cached == 1


def test_a_model_with_other_names_for_the_fields_is_answered_in_its_words(server, endpoint):
    def respond(body):
        for field in ("max_tokens", "temperature"):
            if field in body:
                return error(400, f"Unsupported parameter: '{field}' is not supported with this model.")
        return good()

    server.respond = respond
    assert [reply.text for reply in endpoint.answer(_asked("a"), 12).replies] == ["yes"]
    assert "temperature" not in server.received[-1][2] and server.received[-1][2]["max_completion_tokens"] == 12


def test_an_answer_that_was_cut_says_so_and_an_empty_one_is_empty(server, endpoint):
    server.in_turn(good("a long", reason="length"), (200, {}, b'{"choices": [{"message": {"content": null}}]}'))
    replies = [endpoint.answer(_asked(text), 12).replies[0] for text in "ab"]
    assert [(reply.text, reply.is_cut, reply.answer_tokens) for reply in replies] == [
        ("a long", True, 1),
        ("", False, None),
    ]


def test_half_a_character_is_replaced(server, endpoint):
    server.in_turn((200, {}, b'{"choices": [{"message": {"content": "a\\ud800\\u0000b"}}]}'))
    first, second = (endpoint.answer(_asked("a"), 12).replies[0].text for _ in range(2))
    assert first == second == "a?\0b"


def test_no_request_is_sent_that_may_exceed_the_money(server, tmp_path):
    server.respond = lambda body: good(prompt=20, answer=12)
    budget = Budget(max_cost=100, prices=Prices(1e6, 1e6))  # 1 a token; a request is at most 16 + 4 + 12
    endpoint = _endpoint(server, tmp_path, budget, settings=EndpointSettings(at_once=1, first_wait=0.001))
    with pytest.raises(UserError, match=r"96\.0000 of 100 is spent"):
        endpoint.answer(_asked(*(f"{number:08}" for number in range(9))), 12)
    assert len(server.received) == 3
    assert str(budget) == "3 requests, 60 tokens read and 36 written, 96.0000 of 100 spent"


def test_an_answer_without_counts_is_taken_to_cost_what_was_set_aside(server, tmp_path):
    server.respond = lambda body: (
        200,
        {},
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "7"}}',
    )
    budget = Budget(max_cost=100, prices=Prices(1e6, 1e6))
    _endpoint(server, tmp_path, budget).answer(_asked("12345678"), 12)
    assert (budget.spent.money, budget.spent.unpriced) == (32.0, 1)


def test_the_only_model_of_a_server_needs_no_name(server, tmp_path):
    _endpoint(server, tmp_path, model="").answer(_asked("a"), 12)
    assert server.received[0][2]["model"] == "only"
    server.models = ["one", "two"]
    with pytest.raises(UsageError, match=r"there is one, two\n  fix: add #MODEL"):
        _endpoint(server, tmp_path, model="").answer(_asked("a"), 12)


def test_requests_begin_no_faster_than_allowed():
    import asyncio

    async def begin():
        budget, begun = Budget(requests_per_minute=3000), []
        for _ in range(4):
            await budget.turn()
            begun.append(asyncio.get_running_loop().time())
        return begun[-1] - begun[0]

    assert asyncio.run(begin()) >= 0.055


@pytest.mark.parametrize(
    ("name", "url", "model"),
    [
        ("https://api.openai.com/v1#gpt-5-mini", "https://api.openai.com/v1", "gpt-5-mini"),
        ("HTTPS://API.openai.com/v1/chat/completions#a/b", "https://api.openai.com/v1", "a/b"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", ""),
        ("http://[::1]:8000/v1/", "http://[::1]:8000/v1", ""),
        ("https://host/api/openai/v1", "https://host/api/openai/v1", ""),
    ],
)
def test_an_address_names_an_api_and_a_model(name, url, model):
    assert parse_address(name) == EndpointAddress(url, model)


@pytest.mark.parametrize(
    "name", ["https://", "http://user:secret@host/v1", "http://host:port/v1", "http://[/v1", "https://h/v1?x=1"]
)
def test_what_is_no_address_is_refused_without_its_password(name):
    with pytest.raises(UsageError) as refused:
        parse_address(name)
    assert "secret" not in str(refused.value)


def test_a_key_is_not_sent_in_the_clear(monkeypatch):
    parse_address("http://llm.example/v1")
    monkeypatch.setenv("TRIPTYCH_KEY_LLM_EXAMPLE", KEY)
    parse_address("https://llm.example/v1")
    with pytest.raises(UsageError, match="in the clear") as refused:
        parse_address("http://llm.example/v1")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("text", ["", "1", "1/2/3", "a/b", "-1/2", "nan/1", "inf/1"])
def test_prices_are_two_numbers(text):
    with pytest.raises(UsageError, match="--price"):
        parse_prices(text)


def test_a_limit_of_money_needs_a_price():
    with pytest.raises(UsageError, match="--price"):
        Budget(max_cost=1)
    assert parse_prices("0.15/0.60").of(2_000_000, 1_000_000) == pytest.approx(0.9)


def test_a_cache_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "answers.db").write_text("not a database, but long enough to be looked at as one" * 10)
    with pytest.raises(UserError, match="answers received before cannot be read"):
        AnswerCache(tmp_path / "answers.db").read(json.loads("{}"))
