"""A folder in another language is judged by that language's rules, or by rules that belong to none."""

import random

import pyarrow as pa
import pytest

from tasks.curate.config import CurateConfig, GopherQuality
from tasks.curate.decide import verdicts
from tasks.curate.language_rules import rule_set, stop_words
from tasks.curate.signals import score
from tests.tasks.languages import CHINESE, GERMAN, INVENTED, JAPANESE, SWAHILI, TELUGU, document

from .corpus import passages

LANGUAGES = [
    (GERMAN, "de"),
    (SWAHILI, "neutral"),
    (TELUGU, "neutral"),
    (CHINESE, "unspaced"),
    (JAPANESE, "unspaced"),
    (INVENTED, "neutral"),
]


def judge(texts: list[str], config: CurateConfig) -> list[dict]:
    """The verdicts, in the order of the texts, with the rules beside them."""
    scored = pa.table(score(texts, [None] * len(texts), config.scoring).columns)
    ids = pa.array([f"{i:04d}" for i in range(len(texts))])
    rows = verdicts(scored.add_column(0, "doc_id", ids), config.decide()).to_pylist()
    return [row | {"rules": rules} for row, rules in zip(rows, scored["rules"].to_pylist(), strict=True)]


@pytest.mark.parametrize(("sentences", "rules"), LANGUAGES)
def test_prose_of_any_language_passes_where_english_rules_would_drop_all_of_it(
    sentences: list[str], rules: str
) -> None:
    draw = random.Random(1)
    texts = [document(sentences, draw) for _ in range(40)]
    rows = judge(texts, CurateConfig())
    assert {row["rules"] for row in rows} == {rules}
    assert sum(row["passes"] for row in rows) >= 38, [row["reasons"] for row in rows]
    assert not any(row["passes"] for row in judge(texts, CurateConfig(language="en")))


def test_repeated_lines_and_code_are_dropped_in_any_language() -> None:
    texts = [f"{JAPANESE[0]}\n" * 20, f"{INVENTED[0]}\n" * 20, document(JAPANESE, random.Random(1)) + "\n{ }"]
    for row, reason in zip(
        judge(texts, CurateConfig()), ("dup_line_frac", "dup_line_frac", "curly_bracket"), strict=True
    ):
        assert reason in row["reasons"]


def test_german_without_german_words_is_dropped_by_german_rules() -> None:
    heap = " ".join(["Haus", "Baum", "Straße", "Garten", "Fenster", "Wolke"] * 20)
    (row,) = judge([f"{heap}."], CurateConfig(language="de"))
    assert "gopher_enough_stop_words" in row["reasons"]


def test_english_is_decided_alike_by_its_own_rules_and_among_other_languages() -> None:
    english, draw = passages(60), random.Random(2)
    mixed = [text for one in english for text in (one, document(JAPANESE, draw), document(GERMAN, draw))]
    alone = judge(english, CurateConfig(language="en"))
    among = judge(mixed, CurateConfig())[::3]
    assert {row["rules"] for row in among} == {"en"}
    assert [row["reasons"] for row in among] == [row["reasons"] for row in alone]


def test_stop_words_are_the_languages_own_unless_they_are_given() -> None:
    assert stop_words("en", None) == ("the", "be", "to", "of", "and", "that", "have", "with")
    assert {"der", "die", "das", "zu", "ist"} <= set(stop_words("de", None))
    assert stop_words("de", ("und",)) == ("und",)
    assert len(stop_words("vi", None)) <= 64
    config = CurateConfig(language="de", gopher_quality=GopherQuality(stop_words=("blurb",), min_stop_words=1))
    assert "gopher_enough_stop_words" in judge([document(GERMAN, random.Random(1))], config)[0]["reasons"]


def test_a_declared_language_is_used_and_an_unknown_code_is_replaced_by_detection() -> None:
    text = document(GERMAN, random.Random(3))
    assert [rule_set(text, language, "auto") for language in ("de-AT", "fr", "Deutsch", None)] == [
        "de",
        "fr",
        "de",
        "de",
    ]
