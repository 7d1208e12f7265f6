"""Keys on disk."""

import json
import sys

import pytest

import triptych
from serve import keys
from serve.keys import Keyring
from tasks.errors import UsageError
from tasks.home import Home


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_a_key_is_shown_once_and_listed_by_name_only(home):
    made = keys.add(home, "laptop")
    assert made.keys() == {"name", "key"}
    (row,) = keys.list_keys(home)
    assert (row["name"], row["scope"], row.keys()) == ("laptop", "chat", {"name", "scope", "created"})
    assert Keyring(home, required=False).holder(made["key"]) == ("laptop", "chat")


def test_keys_stay_required_after_the_last_one_is_revoked(home):
    assert not Keyring(home, required=False).required
    keys.add(home, "laptop")
    keys.revoke(home, "laptop")
    assert keys.list_keys(home) == []
    assert Keyring(home, required=False).required


def test_a_lost_key_file_does_not_open_a_running_server(home):
    key = keys.add(home, "laptop")["key"]
    keyring = Keyring(home, required=False)
    assert keyring.required
    assert keyring.holder(key) == ("laptop", "chat")
    (home / "api" / "keys.json").unlink()
    assert keyring.required
    assert keyring.holder(key) is None


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 65, "é"])
def test_an_invalid_name_is_refused(home, name):
    with pytest.raises(UsageError, match="not a name"):
        keys.add(home, name)


def test_a_key_has_the_scope_it_was_made_for_and_one_from_before_there_were_scopes_is_for_chat(home):
    made = {scope: keys.add(home, f"of-{scope}", scope)["key"] for scope in keys.SCOPES}
    keyring = Keyring(home, required=True)
    assert {scope: keyring.holder(key) for scope, key in made.items()} == {
        "chat": ("of-chat", "chat"),
        "admin": ("of-admin", "admin"),
    }
    with pytest.raises(UsageError, match="--scope root: no such scope\n  fix: there are: chat, admin"):
        keys.add(home, "other", "root")
    entries = json.loads(home.api_keys.read_text())
    del entries["of-admin"]["scope"]
    home.api_keys.write_text(json.dumps(entries))
    assert Keyring(home, required=True).holder(made["admin"]) == ("of-admin", "chat")


def test_the_command_shows_the_scope_to_a_person_and_the_same_two_fields_to_a_script(home, monkeypatch, capsys):
    monkeypatch.setenv("TRIPTYCH_HOME", str(home))
    for words in (["root", "--scope", "admin"], ["laptop", "--json"]):
        monkeypatch.setattr(sys, "argv", ["triptych", "keys", "add", *words])
        with pytest.raises(SystemExit) as ended:
            triptych.console_script()
        assert not ended.value.code
    person, script = capsys.readouterr().out.strip().rsplit("\n", 1)
    assert "scope: admin" in person
    assert json.loads(script).keys() == {"name", "key"}
    assert {row["name"]: row["scope"] for row in keys.list_keys(home)} == {"root": "admin", "laptop": "chat"}


def test_names_are_unique_and_revoking_an_unknown_one_is_an_error(home):
    keys.add(home, "laptop")
    with pytest.raises(UsageError, match="there is a key named 'laptop'"):
        keys.add(home, "laptop")
    with pytest.raises(UsageError, match="no key named 'phone'\n  fix: there are: laptop"):
        keys.revoke(home, "phone")


def test_an_unknown_id_costs_as_many_hashes_as_a_known_one(home, monkeypatch):
    key = keys.add(home, "laptop")["key"]
    keyring, hashes, hash = Keyring(home, required=True), [], keys._hash
    monkeypatch.setattr(keys, "_hash", lambda *given: hashes.append(1) or hash(*given))
    counts = []
    for given in (key, key[:-1] + "!", "tk-00000000-guess", "tk", ""):
        hashes.clear()
        keyring.holder(given)
        counts.append(len(hashes))
    assert counts == [1] * 5
