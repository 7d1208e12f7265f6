"""`triptych feedback`: counts per model, the last entries, rows, and texts removed."""

import json

import pytest

import triptych
from tasks.feedback.log import append, entries
from tasks.home import Home
from tests.tasks.feedback.entries import judged, vote


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    home = Home(tmp_path / "home")
    monkeypatch.setenv("TRIPTYCH_HOME", str(home))
    for entry in (judged("Who wrote to ada@example.com?"), judged(correction="Now."), vote("m/1", "m/2", "left")):
        append(home, entry)
    return home


def run(capsys, monkeypatch, *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["triptych", "feedback", *arguments])
    with pytest.raises(SystemExit) as ended:
        triptych.main()
    shown = capsys.readouterr()
    assert not ended.value.code, shown.err
    return shown.out


def test_it_shows_counts_of_each_model_and_the_last_entries(home, capsys, monkeypatch):
    summary = json.loads(run(capsys, monkeypatch, "--json", "--last", "2"))
    first = {"model": "m/1", "good": 1, "bad": 0, "corrections": 1, "votes": 1}
    assert summary["models"] == [first, {"model": "m/2", "good": 0, "bad": 0, "corrections": 0, "votes": 1}]
    assert [entry["kind"] for entry in summary["last"]] == ["vote", "correction"] and summary["entries"] == 3
    shown = run(capsys, monkeypatch)
    assert "m/1 : m/2" in shown and "Who wrote to [email]?" in shown


def test_rows_are_written_and_a_forgotten_entry_is_in_none_of_them(home, capsys, monkeypatch, tmp_path):
    rows = str(tmp_path / "rows")
    written = json.loads(run(capsys, monkeypatch, "--to", rows, "--held-out", "0", "--json"))
    assert written["files"]["preferences.jsonl"] == 2
    run(capsys, monkeypatch, "--forget", entries(home)[1].id)
    assert b"Now." not in home.feedback.read_bytes()
    written = json.loads(run(capsys, monkeypatch, "--to", rows, "--held-out", "0", "--json"))
    assert written["files"]["preferences.jsonl"] == 1
    assert written["left_out"] == {"their texts were removed": 1}
