"""The table of thresholds says what sql/decide.sql does; marks show where."""

import random

import pyarrow as pa

from tasks.curate.config import CurateConfig
from tasks.curate.decide import verdicts
from tasks.curate.marks import differences, marks
from tasks.curate.signals import SCHEMA
from tasks.curate.thresholds import BY_REASON, drops

CONFIG = CurateConfig(filters=("gopher_quality", "gopher_repetition", "c4", "fineweb"))


def near_its_threshold(draw: random.Random, name: str) -> float:
    limits = [t.value(CONFIG) for t in BY_REASON.values() if t.signal == name] or [1]
    limit = draw.choice(limits)
    return draw.choice(
        [limit, limit + 1 if limit >= 1 else limit * 1.1, max(limit - 1, 0) if limit >= 1 else limit / 2]
    )


def test_every_threshold_drops_what_the_sql_drops_for_that_reason():
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
        expected = {reason for reason, threshold in BY_REASON.items() if drops(threshold, row, CONFIG)}
        assert found[row["doc_id"]] == expected
    assert set().union(*found.values()) == BY_REASON.keys()


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
