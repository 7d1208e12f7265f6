"""Keys and limits, on a server that requires keys and has low limits."""

import contextlib
import json
import time
import urllib.error
import urllib.request

import pytest
from openai import APIStatusError, AuthenticationError, NotFoundError, OpenAI, RateLimitError

from serve import keys
from tests.serve.conftest import MODEL, Server


def say_hello(client: OpenAI, **fields):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 2}
    return client.chat.completions.create(**body | fields)


def test_only_a_known_key_is_accepted_and_a_revoked_one_is_refused(guarded: Server, guarded_home, key):
    with guarded.client(key) as client:
        assert say_hello(client).choices
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    for other in (wrong, "tk-00000000-guess", "none", "tk", "tk-"):
        with guarded.client(other) as client, pytest.raises(AuthenticationError, match="not known"):
            say_hello(client)
    short = keys.add(guarded_home, "guest")["key"]
    with guarded.client(short) as client:
        assert say_hello(client).choices
        keys.revoke(guarded_home, "guest")
        with pytest.raises(AuthenticationError, match="revoked"):
            say_hello(client)


def test_without_a_key_only_the_page_and_health_are_served(guarded: Server):
    for path in ("/", "/page.js", "/page.css", "/icon.svg", "/health"):
        with urllib.request.urlopen(guarded.url + path) as reply:
            assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    for path in ("/v1/models", "/v1/anything", "/anything"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(guarded.url + path)
        assert (refused.value.code, refused.value.headers["WWW-Authenticate"]) == (401, "Bearer")
        refused.value.close()


def test_only_a_key_of_scope_admin_opens_what_is_below_admin(guarded: Server, guarded_home, key):
    admin = keys.add(guarded_home, "owner", "admin")["key"]
    for path in ("/admin/status", "/admin/reports/r1", "/admin/", "/%61dmin/status"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(guarded.url + path, key)
        assert refused.value.code == 403
        assert json.loads(refused.value.read())["error"]["code"] == "insufficient_scope"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(guarded.url + path)
        assert refused.value.code == 401
        refused.value.close()
    status = json.loads(fetch(guarded.url + "/admin/status", admin))
    assert (status["status"], status["version"], status["answers_in_progress"]) == ("ok", "tiny-instruct/1", 0)
    with guarded.client(admin) as client:
        assert say_hello(client).choices


def test_a_server_with_room_for_one_model_serves_no_other(guarded: Server, key):
    with guarded.client(key) as client:
        assert {model.id for model in client.models.list().data} == {MODEL, "tiny-instruct", "tiny-instruct/1"}
        with pytest.raises(NotFoundError, match="no model 'tiny-base@candidate' here"):
            say_hello(client, model="tiny-base@candidate")


def test_a_report_is_shown_under_a_policy_that_runs_no_script(guarded: Server, guarded_home):
    admin = {"Authorization": f"Bearer {keys.add(guarded_home, 'reader', 'admin')['key']}"}
    guarded_home.reports.mkdir()
    (guarded_home.reports / "r1.html").write_text("<h1>Report</h1>")
    with urllib.request.urlopen(urllib.request.Request(guarded.url + "/admin/reports/r1", headers=admin)) as reply:
        assert reply.read() == b"<h1>Report</h1>"
        assert "sandbox" in reply.headers["Content-Security-Policy"]
        assert "script-src" not in reply.headers["Content-Security-Policy"]
    for run in ("r2", "..%2f..%2fapi%2fkeys", "../r1"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(f"{guarded.url}/admin/reports/{run}", admin["Authorization"].removeprefix("Bearer "))
        assert refused.value.code == 404
        refused.value.close()


def test_a_server_behind_a_proxy_is_reached_by_the_names_it_was_given(guarded: Server, key):
    own = {"Authorization": f"Bearer {key}"}
    for headers in (
        {"Host": "api.example.com"},
        {"Host": "API.example.com:8443", "Origin": "https://api.example.com"},
        {"Origin": "https://api.example.com"},  # of a proxy that names 127.0.0.1 as Host
    ):
        with urllib.request.urlopen(urllib.request.Request(guarded.url + "/v1/models", headers=own | headers)) as reply:
            assert reply.status == 200
    for headers in ({"Host": "example.com"}, {"Host": "api.example.com", "Origin": "https://evil.example.com"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(guarded.url + "/v1/models", headers=own | headers))
        assert refused.value.code == 403
        if "Origin" not in headers:
            assert b"triptych serve --name example.com" in refused.value.read()
        refused.value.close()


def fetch(url: str, key: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})) as reply:
        return reply.read()


def test_a_body_over_the_limit_is_a_413(guarded: Server, key):
    for size in (11_000, 5_000_000):
        with guarded.client(key) as client, pytest.raises(APIStatusError, match="more than 10,000 bytes") as refused:
            say_hello(client, messages=[{"role": "user", "content": "x" * size}])
        assert refused.value.status_code == 413


def test_a_client_that_hangs_up_frees_its_slot(guarded: Server, key):
    with guarded.client(key) as client:
        long = say_hello(client, max_tokens=15_000, temperature=0, stream=True)
        next(long)
        with pytest.raises(RateLimitError, match="busy") as refused:
            say_hello(client)
        assert int(refused.value.response.headers["Retry-After"]) >= 1
        long.close()
        closed = time.monotonic()
        while time.monotonic() < closed + 2:  # its 15,000 tokens would take longer
            try:
                assert say_hello(client).choices
                return
            except RateLimitError:
                time.sleep(0.1)
    pytest.fail("the slot was not freed")


def test_requests_beyond_the_rate_limit_get_a_retry_after(guarded: Server, guarded_home):
    greedy = keys.add(guarded_home, "greedy")["key"]
    with guarded.client(greedy) as client:
        with pytest.raises(RateLimitError, match="more than 40 requests a minute") as refused:
            for _ in range(60):
                client.models.list()
        assert 1 <= int(refused.value.response.headers["Retry-After"]) <= 2


def test_wrong_keys_are_counted_per_address_and_keep_no_holder_of_a_key_out(guarded: Server, key):
    id = key.split("-")[1]
    with pytest.raises(RateLimitError, match="wrong keys a minute") as refused:
        for number in range(100):
            with guarded.client(f"tk-{id}-guess{number}") as client, contextlib.suppress(AuthenticationError):
                client.models.list()
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    with guarded.client(key) as client:
        assert client.models.list().data


def test_no_key_is_ever_stored_or_logged(guarded: Server, guarded_home, key):
    secret = key.split("-", 2)[2]
    for file in [guarded.stderr, *guarded_home.path.glob("api/*")]:
        assert secret not in file.read_text()
    assert (guarded_home / "api").stat().st_mode & 0o077 == 0
