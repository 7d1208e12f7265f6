"""Long runs of signs cost time in proportion to their length, and give the words that spaCy gives."""

import random

import pytest
import regex
from datatrove.utils.word_tokenizers import SpaCyTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.curate.normalise import normalise
from tasks.curate.signals import score
from tasks.curate.spacy_rules import LONG_CHUNK, LONG_CORE, SpacyRules, _linear_address
from tasks.curate.words import WordMemo

from .test_equality import ENGLISH

SIGNS = "_-=*#.,:;!?()[]{}'\"/<>~+%$€…“”—|"
RUNS = {
    "form": "_" * 4000,
    "banner": "=" * 2000 + "*" * 2000,
    "dots": "Name" + "." * 4000,
    "brackets": "{[(" * 1500,
    "table": "|---" * 1000 + "|",
    "smileys": ":-)" * 1500,
    "plural": "x" + "'s" * 2000,
    "in quotes": '"' * 1000 + "a" * 3000 + "!" * 1000,
    "mixed": "".join(random.Random(3).choices(SIGNS, k=4000)),
    "fields": "a:" * 2000 + "b",
    "digits": "1.5" * 1000,
}


@pytest.fixture(scope="module")
def rules() -> SpacyRules:
    return SpacyRules("en")


@pytest.mark.parametrize("name", RUNS)
def test_no_sign_is_taken_from_a_long_chunk_by_reading_the_rest_of_it(
    rules: SpacyRules, name: str, monkeypatch
) -> None:
    chunk, read = RUNS[name], list[int]()
    for affix in ("prefix", "suffix"):
        search = getattr(rules, affix)
        monkeypatch.setattr(rules, affix, lambda window, search=search: read.append(len(window)) or search(window))
    pieces = rules.pieces(chunk)
    assert "".join(pieces) == chunk
    assert sum(read) <= 100 * len(chunk)
    for piece in pieces:  # a short one, or one that nothing is taken from
        assert len(piece) <= LONG_CHUNK or {rules.prefix(piece), rules.suffix(piece)} <= {0, len(piece)}


@pytest.mark.parametrize("name", RUNS)
def test_a_long_chunk_has_the_words_that_spacy_finds(rules: SpacyRules, name: str) -> None:
    chunk = RUNS[name][:301]
    (split,) = rules.split([chunk])
    expected = [token.text for token in SpaCyTokenizer("en").tokenizer(chunk)]
    if name == "plural":  # spaCy takes 's from the end on and on; as a piece of its own it begins with the sign
        assert len(split.words) <= len(expected) + 20
    else:
        assert split.words == expected


def test_where_a_language_splits_by_repeated_groups_long_chunks_are_cut_anywhere(rules: SpacyRules) -> None:
    chunk = "1." * 3000 + "x"
    assert rules.pieces(chunk) == [chunk]
    pieces = SpacyRules("el").pieces(chunk)
    assert "".join(pieces) == chunk and max(map(len, pieces)) <= LONG_CORE


def test_signs_at_either_end_of_a_long_word_are_split_as_by_spacy(rules: SpacyRules) -> None:
    draw, spacy = random.Random(5), SpaCyTokenizer("en").tokenizer
    signs = SIGNS.translate(dict.fromkeys(map(ord, ":;=")))  # no eyes, so no smileys that share a sign: =(=
    for _ in range(40):
        before, after = ("".join(draw.choices(signs, k=draw.randint(0, 90))) for _ in range(2))
        chunk = f"{before}{draw.choice(['https://example.org/' + 'way/' * 40, 'ab' * 80, '12-34' * 30])}{after}"
        assert rules.split([chunk])[0].words == [token.text for token in spacy(chunk)], chunk


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["a", "b.c", "ab.de", ":", "@", "/", "1", "http://", "10.2.3.4", "?"]), max_size=9))
def test_an_address_is_one_whether_each_colon_is_tried_or_not(parts: list[str]) -> None:
    from spacy.lang.tokenizer_exceptions import URL_MATCH

    linear = _linear_address(URL_MATCH)
    assert linear is not URL_MATCH, "spaCy's pattern of addresses changed: look for what takes quadratic time in it"
    assert bool(linear("".join(parts))) == bool(URL_MATCH("".join(parts)))


def test_neighbours_that_may_be_special_cases_are_joined_up_to_a_length_only() -> None:
    memo, text = WordMemo("en", ()), ":( " * 1000
    memo.learn(text.split())
    memo.numbers(text)
    memo.count_sentences(text.strip())
    assert sum(map(len, memo)) < 30 * len(text)
    assert all(memo.count_sentences(line) for line in (text, f"So {text} it goes."))


def test_combining_marks_are_put_in_order_a_few_at_a_time() -> None:
    marks = "a" + "\u0301\u0316" * 5000
    text = normalise(marks, "NFC")
    assert max(map(len, regex.findall(r"\P{ccc=0}+", text))) <= 30
    assert text == normalise(text, "NFC")
    assert len(text.replace("\u034f", "")) == len(marks) - 1  # á is one character
    few = "e\u0301 " + "\u0316" * 30
    assert normalise(few, "NFC") == "é " + "\u0316" * 30


def test_a_text_with_a_long_run_of_signs_is_scored() -> None:
    texts = [f"The ferry is late. It waits for the tide. {run}" for run in RUNS.values()]
    words = score(texts, ["en"] * len(texts), ENGLISH.scoring).columns["words"].to_pylist()
    assert words[0] == 4011 and min(words) > 10
