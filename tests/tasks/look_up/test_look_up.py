"""Passages that say most about a question stand before it, as many as fit; of training documents alone."""

from pathlib import Path

import pytest

from model.chat import Turn
from tasks.errors import UserError
from tasks.home import Home
from tasks.look_up.passage_index import build_index, index_of, outlived_indexes, words
from tasks.look_up.prompts import NO_ROOM, NOT_THERE, look_up
from tests.tasks.look_up.parts import Part

TEXTS = {
    "bees": "A hive holds some forty thousand bees in June, and a third of that in winter.",
    "mill": "The mill at the weir was built in 1742 by Johannes Kraft, who had come from Ulm.",
    "rain": "It rained for nine days.",
    "cats": "猫は毎日八時に庭で魚を食べる。",
}


@pytest.fixture(scope="module")
def index():
    return build_index([Part(Path("a"), TEXTS)])


@pytest.mark.parametrize(
    ("question", "document"),
    [("Who built the MILL?", "mill"), ("How many bees are in a hive?", "bees"), ("魚を食べるのは?", "cats")],
)
def test_the_passage_with_the_questions_words_comes_first(index, question, document):
    assert index.best(question, 3)[0].doc_id == document


def test_a_question_without_a_known_word_has_no_passage(index):
    turns = [Turn("user", "Quantum chromodynamics?")]
    looked_up = look_up(index, turns, lambda turns: None)
    assert (looked_up.turns, looked_up.passages, looked_up.note) == (tuple(turns), (), NOT_THERE)


def test_passages_stand_before_the_question_of_the_last_turn(index):
    turns = [Turn("system", "Be brief."), Turn("user", "Who built the mill?")]
    looked_up = look_up(index, turns, lambda turns: None)
    assert looked_up.turns[0] == turns[0] and looked_up.turns[1].text.endswith("Who built the mill?")
    assert TEXTS["mill"] in looked_up.turns[1].text and looked_up.passages[0].doc_id == "mill"


@pytest.mark.parametrize("room", [400, 200, 130, 60])
def test_as_many_passages_as_fit_are_given_or_the_reason_why_none_is(index, room):
    turns = [Turn("user", "Who built the mill for bees?")]
    looked_up = look_up(index, turns, lambda turns: room - len(turns[-1].text))
    assert len(looked_up.turns[-1].text) <= max(room, len(turns[-1].text))
    assert bool(looked_up.passages) != (looked_up.note == NO_ROOM)


def test_an_index_is_kept_by_its_text_and_read_again(tmp_path, index):
    home, part = Home(tmp_path), Part(Path("one"), TEXTS)
    question = "Who built the mill?"
    made, kept = index_of([part], home), index_of([Part(Path("one"), {})], home)  # which reads no text again
    assert made.best(question, 2) == kept.best(question, 2) == index.best(question, 2)
    other = index_of([Part(Path("two"), {"new": "The mill burned."})], home)
    assert other.best(question, 2)[0].doc_id == "new"


def test_an_index_outlives_its_text_where_a_shard_of_it_has_left_the_store(tmp_path):
    home, parts = Home(tmp_path), [Part(Path(name), TEXTS) for name in ("one", "two")]
    index_of(parts, home)
    for part in parts:
        assert len(outlived_indexes(home)) == 1
        (home.store / "encode" / part.shards.name).mkdir(parents=True)
    assert outlived_indexes(home) == []


def test_no_training_text_is_an_error_with_a_fix():
    with pytest.raises(UserError, match="no training text"):
        build_index([Part(Path("a"), {})])


def test_words_of_scripts_without_spaces_are_pairs_of_characters():
    assert words("Die Straße 8") == ["die", "strasse", "8"]
    assert words("魚を食べる") == ["魚を", "を食", "食べ", "べる"]
