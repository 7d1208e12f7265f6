"""The model that a command uses where none is named."""

import math
from pathlib import Path

import pytest

from commands.models import use
from commands.models.export import export_model
from flows.record import RunRecord
from tasks.errors import UserError
from tasks.home import Home
from tasks.models.pretrained import content_of
from tasks.tracking.model_version import Version


def version(name: str, *aliases: str) -> Version:
    return Version(name, 1, aliases, {}, Path())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def registered(home: Home, monkeypatch: pytest.MonkeyPatch) -> list[Version]:
    """The registry's versions; in `home` the recipe `mine` has been run."""
    RunRecord("20260101-000000-abcd", "mine", "complete", "2026-01-01T00:00:00").write(home)
    entries: list[Version] = []
    monkeypatch.setattr(use, "versions", lambda _: entries)
    return entries


def test_the_sum_of_a_scored_text_is_shown_in_nats_and_in_bits_per_byte():
    assert use.total_in_words([-math.log(2), -math.log(8)], "é") == "together -2.8 nats, 2.000 bits per byte"
    assert use.total_in_words([], "") == "together 0.0 nats"


def test_without_a_champion_the_candidate_answers_and_a_note_says_so(home, registered, capsys):
    registered += [version("mine-base", "candidate"), version("other-instruct", "champion")]
    assert use.at_hand(home) == "mine-base@candidate"
    assert "promoted no model" in capsys.readouterr().err


def test_a_candidate_is_served_only_by_name(home, registered):
    registered.append(version("mine-instruct", "candidate"))
    with pytest.raises(UserError, match="triptych promote mine-instruct@candidate"):
        use.champion(home)


def test_a_champion_goes_before_any_candidate_and_an_instruct_model_before_a_base(home, registered, capsys):
    registered += [version("mine-instruct", "candidate"), version("mine-base", "champion")]
    assert use.at_hand(home) == use.champion(home) == "mine-base@champion"
    registered.append(version("mine-instruct", "champion"))
    assert use.at_hand(home) == "mine-instruct@champion"
    assert not capsys.readouterr().err


def test_a_folder_that_peft_wrote_is_no_model_and_the_answer_says_how_it_becomes_one(home, tmp_path):
    adapter = tmp_path / "run" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    with pytest.raises(
        UserError, match=r"adapter of peft's[\s\S]*triptych chat hub:org/base --adapter \S*/run/adapter"
    ):
        use.chat_model(home, str(adapter))
    weights = tmp_path / "run" / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}")
    with pytest.raises(UserError, match=f"take {weights}, where it is merged"):
        export_model(home, str(adapter), "hf", "", tmp_path / "out")
    with pytest.raises(ValueError, match="adapter of peft's"):
        content_of(adapter)
