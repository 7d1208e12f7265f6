"""A row of the table of rules is all that its rule is; spans show where."""

import random

import pyarrow as pa
import pytest

from tasks.curate import spans
from tasks.curate.conditions import check
from tasks.curate.config import CurateConfig, DocumentLimits, GopherQuality
from tasks.curate.decide import verdicts
from tasks.curate.rules import RULES, Rule, rules_table, switch_off
from tasks.curate.signals import SCHEMA, score
from tasks.curate.spans import differences, reason_spans
from tasks.errors import UserError

COMPARING = {reason: rule for reason, rule in RULES.items() if rule.signal}
CONFIG = CurateConfig(limits=DocumentLimits(max_digit_ratio=0.2, max_url_ratio=0.2))


def near_its_threshold(draw: random.Random, name: str) -> float:
    limits = [rule.threshold(CONFIG) for rule in COMPARING.values() if rule.signal == name] or [1]
    limit = draw.choice(limits)
    return draw.choice(
        [limit, limit + 1 if limit >= 1 else limit * 1.1, max(limit - 1, 0) if limit >= 1 else limit / 2]
    )


def drops(rule: Rule, row: dict, config: CurateConfig) -> bool:
    value, limit = row[rule.signal], rule.threshold(config)
    return value < limit if rule.comparison == "<" else value > limit


def test_every_row_drops_the_documents_beyond_its_threshold_and_none_once_it_is_off():
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
    reasons = {row["doc_id"]: set(row["reasons"]) for row in verdicts(table, CONFIG.decide()).to_pylist()}
    for row in rows:
        expected = {reason for reason, rule in COMPARING.items() if drops(rule, row, CONFIG)}
        assert reasons[row["doc_id"]] == expected
    assert set().union(*reasons.values()) == COMPARING.keys()
    assert all(verdicts(table, switch_off(CONFIG, COMPARING).decide())["passes"].to_pylist())
    for reason in draw.sample(sorted(COMPARING), 5):
        others = verdicts(table, switch_off(CONFIG, [reason]).decide()).to_pylist()
        switched_off = {r for r, rule in COMPARING.items() if rule.setting == RULES[reason].setting}
        assert all(set(row["reasons"]) == reasons[row["doc_id"]] - switched_off for row in others)


def test_the_table_of_rules_says_what_each_drops_at_the_thresholds_of_the_recipe():
    config = CurateConfig(filters=("fineweb", "c4"), gopher_quality=GopherQuality(min_doc_words=1200))
    table = rules_table(config.model_copy(update={"keep_if": {"mine": "words > 3"}}))
    rows = {row["reason"]: row for row in table.to_pylist()}
    assert rows.keys() == {*RULES, "mine"}
    assert rows["gopher_short_doc"]["meaning"] == "fewer than 1,200 words"
    assert rows["dup_line_frac"]["meaning"] == "more than 30% of the lines repeat an earlier one"
    assert rows["mine"]["meaning"] == "words > 3"
    order = list(dict.fromkeys(table["filter"].to_pylist()))
    assert order == ["languages", "fineweb", "c4", "gopher_quality", "gopher_repetition", "limits", "keep_if", "dedup"]
    assert {reason for reason, row in rows.items() if row["is_on"]} == {
        *("line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio"),
        *("lorem_ipsum", "curly_bracket", "too_few_sentences"),
        *("mine", "exact_duplicate", "near_duplicate"),
    }
    settings = {row["setting"]: row["off"] for row in rows.values() if row["off"] is not None}
    assert settings["curate.fineweb.short_line_thr"] == 1 and settings["curate.gopher_quality.min_doc_words"] == 0


def test_a_limit_holds_whatever_filters_are_listed_and_is_off_by_default():
    rows = signal_table(
        {"digit_ratio": 0.3, "url_ratio": 0}, {"digit_ratio": 0.2, "url_ratio": 0.1}, {"digit_ratio": 0}
    )
    limited = CurateConfig(filters=(), limits=DocumentLimits(max_digit_ratio=0.2, max_url_ratio=0.1))
    assert verdicts(rows, limited.decide())["reasons"].to_pylist() == [["digits"], [], ["urls"]]
    assert all(verdicts(rows, CurateConfig(filters=()).decide())["passes"].to_pylist())
    with pytest.raises(ValueError, match="leave keep_if and limits out"):
        CurateConfig(engine="datatrove", language="en", limits=DocumentLimits(max_digit_ratio=0.2))


def test_a_rule_on_a_signal_that_the_scores_lack_names_the_step_to_compute_again():
    rows = signal_table({}).drop_columns(["digit_ratio"])
    assert verdicts(rows, CurateConfig(filters=()).decide())["passes"].to_pylist() == [True]
    with pytest.raises(UserError, match=r"curate\.limits\.max_digit_ratio: these scores are older"):
        verdicts(rows, CurateConfig(limits=DocumentLimits(max_digit_ratio=0.2)).decide())


def marked_parts(reason: str, text: str) -> list[str]:
    return [text[a:b] for a, b in reason_spans(reason, text, CONFIG)]


def test_reason_spans_mark_the_text_that_caused_the_reason():
    assert marked_parts("dup_line_frac", "one\ntwo\none\n\none") == ["one", "one"]
    assert marked_parts("dup_para_frac", "a\nb\n\nc\n\na\nb") == ["a\nb"]
    assert marked_parts("line_punct_ratio", "An end.\nNo end\nA stop!") == ["No end"]
    assert marked_parts("top_2_gram", "so be it, so be that") == ["so be", "so be"]
    assert marked_parts("duplicated_5_n_grams", "a b c d e, f a b c d e") == ["a b c d e"]
    assert marked_parts("gopher_too_many_bullets", "- a\n• b\nc") == ["- a", "• b"]
    assert marked_parts("gopher_short_doc", "a b") == []


def test_a_near_duplicate_is_marked_where_it_differs_from_the_kept_one():
    text = "we shall fight on cold and windy beaches"
    (span,) = differences(text, "we shall fight on beaches")
    assert text[slice(*span)] == "cold and windy"
    assert differences(text, text) == []


def test_long_texts_are_compared_without_an_alignment(monkeypatch):
    monkeypatch.setattr(spans, "SequenceMatcher", None)
    kept = [f"word{i % 700}" for i in range(6000)]
    text = " ".join([*kept[:3000], "another", "word", *kept[3000:]])
    assert [text[slice(*span)] for span in differences(text, " ".join(kept))] == ["another word"]
    assert differences(text, text) == []


def signal_table(*rows: dict) -> pa.Table:
    blank = {f.name: "en" if f.type == pa.string() else 1 for f in SCHEMA}
    whole = [{**blank, "doc_id": str(n), "plain_words": 100, **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(whole, schema=pa.schema([("doc_id", pa.string()), *SCHEMA]))


def test_conditions_of_the_recipes_own_drop_what_they_do_not_hold_for_and_name_the_reason():
    conditions = {"long_enough": "plain_words >= 80", "prose": "stop_words > 0 or language = 'de'"}
    config = CurateConfig(filters=(), keep_if=conditions)
    rows = signal_table({}, {"plain_words": 79}, {"plain_words": 1, "stop_words": 0}, {"stop_words": None})
    reasons = verdicts(rows, config.decide())["reasons"].to_pylist()
    assert reasons == [[], ["long_enough"], ["long_enough", "prose"], ["prose"]]  # what is unknown does not hold
    both = CurateConfig(filters=("gopher_quality",), keep_if=conditions)
    first = verdicts(signal_table({"plain_words": 49}), both.decide())["reason"].to_pylist()
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
def test_an_invalid_condition_is_reported_with_the_nearest_names(condition: str, words: str):
    with pytest.raises(ValueError, match=words):
        check({"mine": condition})


@pytest.mark.parametrize(
    ("name", "condition", "words"),
    [
        ("it's", "true", "pattern"),
        ("near_duplicate", "true", "the name of another reason"),
        ("kept", "true", "the name of another reason"),
        ("some", "random() < 0.5", "gives another result each time"),
    ],
)
def test_a_condition_needs_a_unique_name_and_a_deterministic_expression(name: str, condition: str, words: str):
    with pytest.raises(ValueError, match=words):
        check(CurateConfig(keep_if={name: condition}).keep_if)


def test_signals_of_characters_are_shares_of_the_text():
    texts = ["", "no digit", "12 ab", "٣ is three", "see www.a.org", "https://a.org http://b"]
    columns = score(texts, [None] * len(texts), CurateConfig(language="en").scoring).columns
    assert columns["digit_ratio"].to_pylist() == [0, 0, 2 / 5, 1 / 10, 0, 0]
    assert columns["url_ratio"].to_pylist() == [0, 0, 0, 0, 9 / 13, 21 / 22]
