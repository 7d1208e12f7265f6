"""The table of rules says what sql/decide.sql does; marks show where."""

import random

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tasks.curate.config import CurateConfig
from tasks.curate.decide import verdicts
from tasks.curate.marks import differences, marks
from tasks.curate.rules import RULES, drops
from tasks.curate.signals import SCHEMA

COMPARING = {reason: rule for reason, rule in RULES.items() if rule.signal}
CONFIG = CurateConfig(filters=("gopher_quality", "gopher_repetition", "c4", "fineweb"))


def near_its_threshold(draw: random.Random, name: str) -> float:
    limits = [rule.value(CONFIG) for rule in COMPARING.values() if rule.signal == name] or [1]
    limit = draw.choice(limits)
    return draw.choice(
        [limit, limit + 1 if limit >= 1 else limit * 1.1, max(limit - 1, 0) if limit >= 1 else limit / 2]
    )


def test_every_rule_drops_what_the_sql_drops_for_that_reason():
    draw = random.Random(3)
    rows = [
        {
            "doc_id": str(n),
            **{f.name: near_its_threshold(draw, f.name) for f in SCHEMA if f.type in (pa.int64(), pa.float64())},
            **{f.name: "en" for f in SCHEMA if f.type == pa.string()},
            **{"characters": 9, "lines": 1, "c4_lorem_line": None, "c4_curly_line": None},
        }
        for n in range(300)
    ]
    table = pa.Table.from_pylist(rows, schema=pa.schema([("doc_id", pa.string()), *SCHEMA]))
    found = {row["doc_id"]: set(row["reasons"]) for row in verdicts(table, CONFIG.decide()).to_pylist()}
    for row in rows:
        expected = {reason for reason, rule in COMPARING.items() if drops(rule, row, CONFIG)}
        assert found[row["doc_id"]] == expected
    assert set().union(*found.values()) == COMPARING.keys()


def marked(reason: str, text: str) -> list[str]:
    return [text[a:b] for a, b in marks(reason, text, CONFIG)]


def test_marks_are_where_the_reason_shows():
    assert marked("dup_line_frac", "one\ntwo\none\n\none") == ["one", "one"]
    assert marked("dup_para_frac", "a\nb\n\nc\n\na\nb") == ["a\nb"]
    assert marked("line_punct_ratio", "An end.\nNo end\nA stop!") == ["No end"]
    assert marked("top_2_gram", "so be it, so be that") == ["so be", "so be"]
    assert marked("duplicated_5_n_grams", "a b c d e, f a b c d e") == ["a b c d e"]
    assert marked("gopher_too_many_bullets", "- a\n• b\nc") == ["- a", "• b"]
    assert marked("gopher_short_doc", "a b") == []


def test_a_near_duplicate_is_marked_where_it_differs_from_the_kept_one():
    text = "we shall fight on cold and windy beaches"
    (span,) = differences(text, "we shall fight on beaches")
    assert text[slice(*span)] == "cold and windy"
    assert differences(text, text) == []


def scored(*rows: dict) -> pa.Table:
    blank = {f.name: "en" if f.type == pa.string() else 1 for f in SCHEMA}
    whole = [{**blank, "doc_id": str(n), "plain_words": 100, **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(whole, schema=pa.schema([("doc_id", pa.string()), *SCHEMA]))


def test_conditions_of_the_recipes_own_drop_what_they_do_not_hold_for_and_name_the_reason():
    conditions = {"long_enough": "plain_words >= 80", "said": "stop_words > 0 or language = 'de'"}
    config = CurateConfig(filters=(), keep_if=conditions)
    rows = scored({}, {"plain_words": 79}, {"plain_words": 1, "stop_words": 0}, {"stop_words": None})
    reasons = verdicts(rows, config.decide())["reasons"].to_pylist()
    assert reasons == [[], ["long_enough"], ["long_enough", "said"], ["said"]]  # what is unknown does not hold
    both = CurateConfig(filters=("gopher_quality",), keep_if=conditions)
    first = verdicts(scored({"plain_words": 49}), both.decide())["reason"].to_pylist()
    assert first == ["gopher_short_doc"]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("plain_word > 80", "no signal or column 'plain_word'[^§]*did you mean plain_words"),
        ("plain_words >", "is no condition"),
        ("true) as x, (select 1", "is no condition"),
        ("(select count(*) from read_text('/etc/hostname')) > 0", "is no condition"),
    ],
)
def test_a_condition_that_is_none_is_told_with_the_nearest_names(condition: str, words: str):
    with pytest.raises(ValidationError, match=words):
        CurateConfig(filters=(), keep_if={"mine": condition})


@pytest.mark.parametrize(
    ("name", "condition", "words"),
    [
        ("it's", "true", "pattern"),
        ("near_duplicate", "true", "the name of another reason"),
        ("kept", "true", "the name of another reason"),
        ("some", "random() < 0.5", "says another thing each time"),
    ],
)
def test_a_reason_has_a_name_of_its_own_and_says_the_same_each_time(name: str, condition: str, words: str):
    with pytest.raises(ValidationError, match=words):
        CurateConfig(keep_if={name: condition})
