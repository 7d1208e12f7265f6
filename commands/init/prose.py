"""How much of a string is prose, in letters: addresses, ids, numbers and dates count for nothing."""

import re
from collections.abc import Iterator
from typing import Any

HEAD = 2000  # characters of a string, taken to be typical of all of it
MAX_STRINGS = 200  # of a nested value
SINGLE_WORD = 0.1  # of a word's letters count where it is alone: a name, a class, a slug
LONGEST_WORD = 20  # characters with a digit among them: longer ones are ids and encoded bytes
SPACELESS_LETTER = 3  # letters of an alphabet carry about as much as one of these
LETTER = re.compile(r"[^\W\d_]")
DIGIT = re.compile(r"\d")
SPACELESS = re.compile(  # Thai to Burmese, Khmer, kana, Han: scripts without spaces between words
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
ADDRESS = re.compile(r"://|^www\.|.@.")


def letters(value: Any) -> float:
    """The letters of a string's words, estimated from its first characters; 0 for any other value."""
    if not isinstance(value, str) or not value:
        return 0.0
    words = value[:HEAD].split()
    count = sum(map(_letters, words))
    if len(words) == 1 and not SPACELESS.search(words[0]):
        count *= SINGLE_WORD
    return count * max(1.0, len(value) / HEAD)


def deep_letters(value: Any) -> float:
    """The letters of the first strings within lists and objects."""
    return sum(map(letters, _strings(value, [MAX_STRINGS])))


def _letters(word: str) -> float:
    if ADDRESS.search(word) or (len(word) > LONGEST_WORD and DIGIT.search(word) and not SPACELESS.search(word)):
        return 0.0
    if spaceless := len(SPACELESS.findall(word)):
        return SPACELESS_LETTER * spaceless
    count = len(LETTER.findall(word))
    return float(count) if 2 * count >= len(word) else 0.0


def _strings(value: Any, budget: list[int]) -> Iterator[str]:
    """`budget`: how many more strings are wanted."""
    if isinstance(value, str):
        budget[0] -= 1
        yield value
        return
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for item in inner:
        if budget[0] <= 0:
            return
        yield from _strings(item, budget)
