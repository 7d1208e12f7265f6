"""How answers are compared with the accepted ones."""

from decimal import Decimal

import pytest

from tasks.evaluate import answer_kinds
from tasks.evaluate.answer_kinds import KINDS, Mark, mark, words
from tasks.evaluate.number_text import last_number


def score(kind: str, text: str, *answers: object, choices: tuple[str, ...] = ()) -> float:
    return mark(kind, [KINDS[kind].read(answer) for answer in answers], text, choices).score


@pytest.mark.parametrize(
    ("kind", "text", "answers", "expected"),
    [
        ("exact", " the Eiffel  tower. ", ["Eiffel Tower"], 1.0),
        ("exact", "Eiffel Tower in Paris", ["Eiffel Tower"], 0.0),
        ("exact", "A.", ["A"], 1.0),
        ("exact", "the", ["A"], 0.0),
        ("exact", "$", ["%"], 0.0),
        ("exact", "CAFÉ", ["cafe\u0301"], 1.0),
        ("exact", "", ["here"], 0.0),
        ("contains", "It is in Paris, France.", ["paris france"], 1.0),
        ("contains", "a party", ["art"], 0.0),
        ("contains", "我在北京市。", ["北京"], 1.0),
        ("f1", "a cat stood", ["the cat sat"], 0.5),
        ("f1", "dog", ["the cat", "a dog"], 1.0),
        ("number", "First 7, so it is $1,234.50.", [1234.5], 1.0),
        ("number", "none", [1], 0.0),
        ("pattern", "It was in 1945.", [r"\b194\d\b"], 1.0),
        ("pattern", "It was in 1945.", [r"^1945$"], 0.0),
        ("json", 'Sure: ```json\n{"a": 1.0, "b": {"c": " x "}, "d": 2}\n```', ['{"a": 1, "b": {"c": "x"}}'], 1.0),
        ("json", '{"a": true, "b": {"c": "x"}}', [{"a": 1, "b": {"c": "x"}}], 0.5),
        ("json", "{not json", [{"a": 1}], 0.0),
    ],
)
def test_an_answer_is_compared_by_its_kind(kind: str, text: str, answers: list[object], expected: float):
    assert score(kind, text, *answers) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "value", "others"),
    [
        ("42.", "42", ()),
        ("1,234", "1234", ("1.234",)),
        ("1.234", "1.234", ("1234",)),
        ("1.234.567,8", "1234567.8", ()),
        ("3,5 kg", "3.5", ()),
        ("0.125", "0.125", ()),
        ("12 000", "12000", ("0",)),
        ("1\u202f000", "1000", ()),
        ("−$5", "-5", ()),
        ("10-12", "12", ()),
        ("1.12.2020", "2020", ()),
        ("2e-3", "0.002", ()),
        ("٣٤", "34", ()),
    ],
)
def test_the_last_number_is_read_and_what_else_it_could_be_is_kept(text: str, value: str, others: tuple[str, ...]):
    number = last_number(f"7 or {text}")
    assert number is not None
    assert (number.value, number.others) == (Decimal(value), tuple(map(Decimal, others)))


def test_a_number_that_is_right_in_its_second_reading_alone_is_reported():
    assert mark("number", [Decimal(1234)], "1.234") == Mark(
        1.0, "a number is right in its second reading alone, as 1.234 for 1234"
    )


def test_a_pattern_that_runs_away_on_an_answer_counts_as_wrong_and_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(answer_kinds, "PATTERN_SECONDS", 0.1)
    own = mark("pattern", [KINDS["pattern"].read("([^a-zA-Z1 !]+)+$")], "é" * 10_000 + "!")
    assert own == Mark(0.0, "the pattern does not end within 0.1 s on this answer")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Saint-Denis", 1.0), ("It is saint denis.", 1.0), ("Denis", 0.0), ("Denis or Saint-Denis", 0.0), ("Rome", 0.0)],
)
def test_a_written_answer_counts_as_the_one_choice_that_it_names(text: str, expected: float):
    assert score("choice", text, "Saint-Denis", choices=("Denis", "Saint-Denis")) == expected


def test_articles_count_where_there_are_no_other_words():
    assert words("The end, at last!") == ["end", "at", "last"]
    assert words("a") == ["a"]
