"""How an answer is compared with the accepted ones: a score from 0 to 1 for each kind, the best over all of them.

exact      the same words: case, punctuation, articles and spaces aside (SQuAD: Rajpurkar et al. 2016, 1606.05250)
contains   the accepted words stand in the answer, in a row
f1         overlap of words: harmonic mean of precision and recall (the same paper, section 6.1)
number     the last number of the answer (number_text.py)
pattern    a regular expression that matches somewhere in the answer; ^ and $ are its two ends
json       share of the accepted object's fields that the answer's first object has with the same value
choice     the chosen one: the likeliest, or where probabilities are not given the one that the answer names
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import regex

from tasks.evaluate.number_text import PLAIN_NUMBER, last_number

ARTICLES = frozenset({"a", "an", "the"})
CHARACTER_WORDS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # written without spaces
WORD = regex.compile(rf"[{CHARACTER_WORDS}]\p{{M}}*|[^\s{CHARACTER_WORDS}]+")
PATTERN_SECONDS = 1.0  # of one pattern on one answer
TRIAL_SECONDS, TRIAL_LENGTH = 0.2, 2_000  # when a file is read
MAX_PATTERN = 2_000  # characters


@dataclass(frozen=True)
class Mark:
    """The score of one answer from 0 to 1, and what a reader must know of how it came about."""

    score: float
    note: str = ""


@dataclass(frozen=True)
class AnswerKind:
    """`read`: an accepted answer of a file as it is compared (ValueError: it is none); `mark`: a given answer's."""

    read: Callable[[Any], Any]
    mark: Callable[[str, Any], Mark]


def mark(kind: str, answers: Sequence[Any], text: str, choices: Sequence[str] = ()) -> Mark:
    """The best mark over the accepted answers of what a model wrote."""
    if kind == CHOICE:
        chosen = named_choice(text, choices)
        return Mark(float(chosen in answers), "" if chosen else "names none of the choices, or several")
    marks = [KINDS[kind].mark(text, answer) for answer in answers]
    return max(marks, key=lambda each: each.score)


def words(text: str) -> list[str]:
    """A text's words in lower case without punctuation and articles: what answers are compared by.

    Of a text that is nothing else the articles stay ("A" as a grade), and of one that is only punctuation the signs.
    A character of a script without spaces is a word.
    """
    lower = unicodedata.normalize("NFKC", text).casefold()
    kept = WORD.findall(_without_punctuation(lower))
    return [word for word in kept if word not in ARTICLES] or kept or WORD.findall(lower)


def _without_punctuation(text: str) -> str:
    """Dashes and slashes part words, other signs are left out: those of Unicode and of string.punctuation."""
    spaced = "".join(" " if c == "/" or unicodedata.category(c) == "Pd" else c for c in text)
    return "".join(c for c in spaced if c not in "$+<=>^`|~" and unicodedata.category(c)[0] != "P")


def _pair(text: str, answer: str) -> tuple[list[str], list[str]]:
    """The words of both; with its articles where the accepted answer is nothing else."""
    own, accepted = words(text), words(answer)
    if accepted and set(accepted) <= ARTICLES:
        own = WORD.findall(_without_punctuation(text.casefold()))
    return own, accepted


def _exact(text: str, answer: str) -> Mark:
    own, accepted = _pair(text, answer)
    return Mark(float(own == accepted))


def _contains(text: str, answer: str) -> Mark:
    own, accepted = _pair(text, answer)
    return Mark(float(bool(_places(own, accepted))))


def _f1(text: str, answer: str) -> Mark:
    own, accepted = _pair(text, answer)
    shared = sum((Counter(own) & Counter(accepted)).values())
    return Mark(2 * shared / (len(own) + len(accepted)) if shared else 0.0)


def _number(text: str, answer: Decimal) -> Mark:
    number = last_number(text)
    if number is None:
        return Mark(0.0, "has no number")
    if number.value == answer:
        return Mark(1.0)
    if answer in number.others:
        return Mark(1.0, "a number is right in its second reading alone, as 1.234 for 1234")
    return Mark(0.0)


def _pattern(text: str, answer: "regex.Pattern[str]") -> Mark:
    try:
        return Mark(float(answer.search(text.strip(), timeout=PATTERN_SECONDS) is not None))
    except TimeoutError:
        return Mark(0.0, f"the pattern does not end within {PATTERN_SECONDS:g} s on this answer")


def _json(text: str, answer: Mapping[str, Any]) -> Mark:
    given = first_object(text)
    if given is None:
        return Mark(0.0, "has no JSON object")
    expected, own = dict(_fields(answer)), dict(_fields(given))
    right = sum(place in own and _same(own[place], value) for place, value in expected.items())
    return Mark(right / len(expected))


def first_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text, with or without words or a fence around it."""
    decoder, at = json.JSONDecoder(), text.find("{")
    for _ in range(1_000):  # beginnings that are tried
        if at < 0:
            return None
        try:
            value, _ = decoder.raw_decode(text, at)
            return value
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
    return None


def _fields(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values that are no object, by their path."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _fields(inner, (*place, name))
    else:
        yield place, value


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is 1.0 but not true; texts but for spaces around them."""
    if isinstance(one, str) and isinstance(other, str):
        return one.strip() == other.strip()
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def named_choice(text: str, choices: Sequence[str]) -> str | None:
    """The choice that an answer is, or else the only one that it contains; None where it is none or names several.

    Within a longer choice a shorter one is not named.
    """
    equal = [choice for choice in choices if _exact(text, choice).score]
    if equal:
        return next(
            (choice for choice in equal if choice.strip() == text.strip()), equal[0] if len(equal) == 1 else None
        )
    rest, within = list[str | None](words(text)), list[str]()
    for choice in sorted(choices, key=lambda choice: -len(words(choice))):
        accepted = words(choice)
        places = _places(rest, accepted)
        within += [choice] if places else []
        for place in places:
            rest[place : place + len(accepted)] = [None] * len(accepted)
    return within[0] if len(within) == 1 else None


def _places(own: Sequence[str | None], accepted: Sequence[str]) -> list[int]:
    """Where the accepted words begin in a row of words."""
    starts = range(len(own) - len(accepted) + 1)
    return [n for n in starts if list(own[n : n + len(accepted)]) == list(accepted)]


def _read_text(answer: Any) -> str:
    if not isinstance(answer, str):
        raise ValueError(f"the answer {answer!r} is no text; put it in quotation marks")
    if not answer.strip():
        raise ValueError("an answer is empty")
    return answer


def _read_number(answer: Any) -> Decimal:
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return Decimal(str(answer))
    if isinstance(answer, str) and PLAIN_NUMBER.fullmatch(answer.strip()):
        return Decimal(answer.strip())
    raise ValueError(f"the answer {answer!r} is no plain number; write it as 1234.5, without signs between its digits")


def _read_pattern(answer: Any) -> "regex.Pattern[str]":
    source = _read_text(answer)
    if len(source) > MAX_PATTERN:
        raise ValueError(f"a pattern has more than {MAX_PATTERN:,} characters; shorten it")
    try:
        pattern = regex.compile(source)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(f"the answer {source!r} is no regular expression: {error}") from error
    letters = sorted({c for c in source if c.isalnum()} | {"a", "1", " "})
    try:
        for letter in letters:
            pattern.search(letter * TRIAL_LENGTH + "!", timeout=TRIAL_SECONDS)
    except TimeoutError:
        what = f"the pattern {source!r} takes longer than {TRIAL_SECONDS:g} s on {TRIAL_LENGTH:,} times {letter!r}"
        raise ValueError(f"{what}; repeat no group that repeats within, as (a+)+ does") from None
    return pattern


def _read_object(answer: Any) -> Mapping[str, Any]:
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"an answer is no JSON object: {error}") from error
    if not isinstance(answer, dict) or not answer:
        raise ValueError('an answer is no JSON object with fields; write {"name": "value"}')
    return answer


def _chosen(text: str, answer: str) -> Mark:
    return Mark(float(text == answer))


CHOICE = "choice"
KINDS = {
    "exact": AnswerKind(_read_text, _exact),
    "contains": AnswerKind(_read_text, _contains),
    "number": AnswerKind(_read_number, _number),
    "pattern": AnswerKind(_read_pattern, _pattern),
    "f1": AnswerKind(_read_text, _f1),
    "json": AnswerKind(_read_object, _json),
    CHOICE: AnswerKind(_read_text, _chosen),
}
