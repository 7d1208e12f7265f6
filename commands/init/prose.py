"""How much of a string is prose: what addresses, ids, numbers and dates are not."""

import re
from collections.abc import Iterator
from typing import Any

HEAD = 2000  # characters of a string that speak for all of it
STRINGS = 200  # of a nested value that are looked at
ALONE = 0.1  # what a word is worth that stands alone: a name, a class, a slug
LONGEST_WORD = 20  # with a digit in it: longer ones are ids and encoded bytes
BLANKLESS_LETTER = 3  # letters of an alphabet say as much as one of these
LETTER = re.compile(r"[^\W\d_]")
DIGIT = re.compile(r"\d")
BLANKLESS = re.compile(  # Thai to Burmese, Khmer, kana, Han: scripts that put no blanks between words
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
ADDRESS = re.compile(r"://|^www\.|.@.")


def letters(value: Any) -> float:
    """The letters of its words, by its first characters; of a value that is no string none."""
    if not isinstance(value, str) or not value:
        return 0.0
    words = value[:HEAD].split()
    found = sum(map(_letters, words))
    if len(words) == 1 and not BLANKLESS.search(words[0]):
        found *= ALONE
    return found * max(1.0, len(value) / HEAD)


def deep_letters(value: Any) -> float:
    """The letters of all strings within lists and objects, by the first of them."""
    strings = _strings(value, [STRINGS])
    return sum(map(letters, strings))


def _letters(word: str) -> float:
    if ADDRESS.search(word) or (len(word) > LONGEST_WORD and DIGIT.search(word) and not BLANKLESS.search(word)):
        return 0.0
    if blankless := len(BLANKLESS.findall(word)):
        return BLANKLESS_LETTER * blankless
    found = len(LETTER.findall(word))
    return float(found) if 2 * found >= len(word) else 0.0


def _strings(value: Any, left: list[int]) -> Iterator[str]:
    """`left`: how many more are wanted."""
    if isinstance(value, str):
        left[0] -= 1
        yield value
        return
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for one in inner:
        if left[0] <= 0:
            return
        yield from _strings(one, left)
