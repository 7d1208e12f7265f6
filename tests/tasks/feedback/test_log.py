"""The file of feedback: what was acknowledged is there, whatever was cut off; texts can be removed from it."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from flows.record import RunRecord
from flows.run_tables import tables_of
from tasks.feedback.entry import Asked, prompt_sha256
from tasks.feedback.log import append, entries, forget_texts
from tasks.home import Home
from tasks.tables.query import ask, statement
from tests.tasks.feedback.entries import judged, vote


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def test_entries_come_back_in_order_however_many_append_at_once(home):
    sent = [judged(f"Question {n}?", rating="down", comment="no\nnewline ends a line") for n in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda entry: append(home, entry), sent))
    assert sorted(entry.id for entry in entries(home)) == sorted(entry.id for entry in sent)
    assert {entry.id: entry for entry in entries(home)} == {entry.id: entry for entry in sent}


def test_a_line_that_a_crash_cut_off_costs_itself_and_is_reported(home, capsys):
    first, second = judged("a?"), judged("b?")
    append(home, first)
    with home.feedback.open("ab") as file:
        file.write(judged("cut").model_dump_json().encode()[:50])
    append(home, second)
    assert entries(home) == [first, second]
    assert "1 of 3 lines are no entry" in capsys.readouterr().err


def test_a_failed_write_leaves_the_file_as_it_was(home, monkeypatch):
    append(home, judged("a?"))
    before = home.feedback.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.feedback.log.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        append(home, judged("b?"))
    assert home.feedback.read_bytes() == before


def test_the_hash_of_one_message_is_that_of_its_text_and_turns_matter(home):
    assert prompt_sha256((Asked("user", "é?"),)) == hashlib.sha256("é?".encode()).hexdigest()
    turns = (Asked("user", "a"), Asked("assistant", "b"), Asked("user", "é?"))
    assert len({prompt_sha256(turns), prompt_sha256(turns[:1]), prompt_sha256(turns[2:])}) == 3


def test_a_forgotten_entry_still_counts_and_holds_no_text(home):
    for entry in (judged("secret?"), vote("m/1", "m/2", "left", comment="secret"), judged("other?")):
        append(home, entry)
    removed = forget_texts(home, lambda entry: "secret" in entry.prompt + (entry.comment or ""))
    assert len(removed) == 2 and b"secret" not in home.feedback.read_bytes()
    rating, ballot, other = entries(home)
    assert rating.forgotten and not rating.prompt_sha256 and not other.forgotten
    assert (ballot.model, ballot.other_model, ballot.choice, ballot.other_answer) == ("m/1", "m/2", "left", "")
    assert forget_texts(home, lambda entry: True) == [other]


def test_sql_shows_entries_and_counts_of_each_model(home):
    for entry in (judged(), judged(rating="down"), judged(correction="Now."), vote("m/1", "m/2", "both")):
        append(home, entry)
    tables = tables_of(home, RunRecord("r1", "demo", "complete", "", steps=()))
    counted = ask(statement("feedback.sql"), {}, tables.raw(), tables.views()).to_pylist()
    assert [list(row.values()) for row in counted] == [["m/1", 1, 1, 1, 1], ["m/2", 0, 0, 0, 1]]
    rows = ask("select * from feedback", {}, tables.raw(), tables.views()).to_pylist()
    assert (rows[2]["correction"], rows[2]["who"], rows[2]["turns"]) == ("Now.", "local", 1)
