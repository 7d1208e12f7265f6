"""The language of a text, whatever it begins with and however it is written."""

from tasks.language import CHARACTERS_READ, detect
from tests.tasks.languages import GERMAN, JAPANESE, SWAHILI


def test_a_text_is_in_the_language_of_most_of_it_whatever_it_begins_with() -> None:
    notice = "This file may be copied by anybody for any purpose, as long as this notice stands in it. " * 11
    assert len(notice) < CHARACTERS_READ and detect(notice) == "en"
    for code, sentences in {"de": GERMAN, "ja": JAPANESE}.items():
        assert detect(f"{notice}\n" + "\n".join(sentences * 4)) == code
    assert detect(f"{notice}\n" + "\n".join(SWAHILI * 4)) is None  # the detector is not sure of it


def test_capitals_change_no_language() -> None:
    text = " ".join(GERMAN)
    assert detect(text.upper()) == detect(text.lower()) == "de"


def test_what_is_certainly_in_no_language_has_none() -> None:
    assert [detect(text) for text in ("", "4 8 15 16 23 42", "qlx vrr tpk zzgh wkq")] == [None] * 3
