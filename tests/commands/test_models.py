"""Which model is meant where none is named."""

from pathlib import Path

import pytest

from commands import models
from flows.record import RunRecord
from tasks.errors import UserError
from tasks.tracking.registry import Version


def version(name: str, *aliases: str) -> Version:
    return Version(name, 1, aliases, {}, Path())


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Version]:
    """The registry's versions; in `tmp_path` the recipe `mine` has been run."""
    RunRecord("20260101-000000-abcd", "mine", "complete", "2026-01-01T00:00:00").write(tmp_path)
    found: list[Version] = []
    monkeypatch.setattr(models, "versions", lambda _: found)
    return found


def test_a_candidate_is_talked_to_where_nothing_was_promoted_and_that_is_said(tmp_path, registered, capsys):
    registered += [version("mine-base", "candidate"), version("other-instruct", "champion")]
    assert models.at_hand(tmp_path) == "mine-base@candidate"
    assert "promoted no model" in capsys.readouterr().err


def test_a_candidate_is_served_only_by_name(tmp_path, registered):
    registered.append(version("mine-instruct", "candidate"))
    with pytest.raises(UserError, match="triptych promote mine-instruct@candidate"):
        models.champion(tmp_path)


def test_a_champion_goes_before_any_candidate_and_who_answers_before_who_continues(tmp_path, registered, capsys):
    registered += [version("mine-instruct", "candidate"), version("mine-base", "champion")]
    assert models.at_hand(tmp_path) == models.champion(tmp_path) == "mine-base@champion"
    registered.append(version("mine-instruct", "champion"))
    assert models.at_hand(tmp_path) == "mine-instruct@champion"
    assert not capsys.readouterr().err
