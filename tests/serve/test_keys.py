"""Keys on disk."""

import pytest

from serve import keys
from serve.keys import Keyring
from tasks.errors import UsageError


def test_a_key_is_shown_once_and_listed_by_name_only(tmp_path):
    made = keys.add(tmp_path, "laptop")
    assert made.keys() == {"name", "key"}
    (row,) = keys.listed(tmp_path)
    assert (row["name"], row.keys()) == ("laptop", {"name", "created"})
    assert Keyring(tmp_path, required=False).holder(made["key"]) == "laptop"


def test_revoking_the_last_key_does_not_open_the_door(tmp_path):
    assert not Keyring(tmp_path, required=False).required
    keys.add(tmp_path, "laptop")
    keys.revoke(tmp_path, "laptop")
    assert keys.listed(tmp_path) == []
    assert Keyring(tmp_path, required=False).required


def test_a_lost_file_does_not_open_the_door_of_a_running_server(tmp_path):
    key = keys.add(tmp_path, "laptop")["key"]
    keyring = Keyring(tmp_path, required=False)
    assert keyring.required
    assert keyring.holder(key) == "laptop"
    (tmp_path / "api" / "keys.json").unlink()
    assert keyring.required
    assert keyring.holder(key) is None


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 65, "é"])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="not a name"):
        keys.add(tmp_path, name)


def test_names_are_used_once_and_must_be_there(tmp_path):
    keys.add(tmp_path, "laptop")
    with pytest.raises(UsageError, match="there is a key named 'laptop'"):
        keys.add(tmp_path, "laptop")
    with pytest.raises(UsageError, match="no key named 'phone'\n  cure: there are: laptop"):
        keys.revoke(tmp_path, "phone")
