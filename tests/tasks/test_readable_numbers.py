"""Numbers as a person reads them."""

import pytest

from tasks.readable_numbers import bytes_in_words, count_in_words, plain_number


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"), (7, "7"), (0.0714285, "0.07143"), (12.5, "12.5"), (-3.14159, "-3.142"), (999, "999"),
        (1234.5, "1,234"), (11_460_000.0, "11,460,000"), (None, "–"), (float("nan"), "–"), (float("inf"), "–"),
    ],
)  # fmt: skip
def test_a_plain_number_has_four_digits_and_its_thousands_apart(value: float | None, words: str) -> None:
    assert plain_number(value) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (999, "999"), (676_000, "676 k"), (2_664_000, "2.66 M"), (15e12, "15 trillion"), (999_600, "1 M")],
)
def test_a_count_has_three_digits_and_a_unit(count: float, words: str) -> None:
    assert count_in_words(count) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (11_460_000, "11.5 MB"), (2.5e12, "2.5 TB"), (999_960, "1.0 MB")],
)
def test_bytes_have_a_unit(count: float, words: str) -> None:
    assert bytes_in_words(count) == words
