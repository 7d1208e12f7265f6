"""Cut texts lose nothing and keep their bounds."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tasks.passages import passages

PIECES = [
    "word",
    "Mr. Fox",
    "A. B.",
    "end.",
    "why?",
    "\n",
    "\n\n",
    " ",
    "\t",
    "\n \n",
    "。",
    "「好」。",
    "\u2028",
    "x" * 40,
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=300)


@given(TEXTS, st.integers(1, 60))
def test_passages_conserve_every_character_that_is_no_space(text: str, limit: int) -> None:
    assert "".join("".join(passages(text, limit)).split()) == "".join(text.split())


@given(TEXTS, st.integers(1, 60))
def test_no_passage_is_empty_or_over_the_limit_or_padded(text: str, limit: int) -> None:
    for passage in passages(text, limit):
        assert 0 < len(passage) <= limit
        assert passage == passage.strip()


@given(TEXTS, st.integers(1, 60))
def test_passages_are_slices_of_the_text_in_order(text: str, limit: int) -> None:
    at = 0
    for passage in passages(text, limit):
        at = text.index(passage, at) + len(passage)


@given(TEXTS, st.integers(1, 60))
def test_two_neighbouring_passages_would_not_fit_into_one(text: str, limit: int) -> None:
    pieces = list(passages(text, limit))
    spans, at = [], 0
    for piece in pieces:
        spans.append((text.index(piece, at), text.index(piece, at) + len(piece)))
        at = spans[-1][1]
    assert all(second[1] - first[0] > limit for first, second in pairwise(spans))


def test_paragraphs_stay_whole_where_they_fit() -> None:
    assert list(passages("one one.\n\ntwo two.\n\nthree three.", 20)) == ["one one.\n\ntwo two.", "three three."]


def test_a_long_paragraph_is_cut_at_sentences_and_not_after_titles_and_initials() -> None:
    text = "It was Mr. Fox. So wrote J. Smith to all. The end of it came late."
    assert list(passages(text, 26)) == ["It was Mr. Fox.", "So wrote J. Smith to all.", "The end of it came late."]


def test_a_long_sentence_is_cut_at_words_and_a_long_word_anywhere() -> None:
    assert list(passages("aaa bbb ccc", 7)) == ["aaa bbb", "ccc"]
    assert list(passages("a" * 10, 4)) == ["aaaa", "aaaa", "aa"]
