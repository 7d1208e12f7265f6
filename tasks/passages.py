"""Cutting a long text into passages: at paragraphs, at sentences where a paragraph is too long, then lines, then words.

A passage is a slice of the text without the white space around it, so nothing but white space is ever lost.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*")
SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]»]*\s+|[。！？]\s*")
LINE_END = re.compile(r"\n\s*")
ABBREVIATED = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Messrs|Dr|St|No|Gen|Hon|Art|Sec)\.\s+$")  # ends no sentence
LONGEST_ABBREVIATION = 10

Span = tuple[int, int]


def passages(text: str, max_characters: int) -> Iterator[str]:
    """The text in order, in pieces as long as they may be: whole paragraphs (or sentences) up to `max_characters`."""
    begin = end = 0
    for first, last in _units(text, (0, len(text)), max_characters, (PARAGRAPH_END, SENTENCE_END, LINE_END)):
        if begin == end:
            begin = first
        elif last - begin > max_characters:
            yield text[begin:end]
            begin = first
        end = last
    if begin < end:
        yield text[begin:end]


def _units(text: str, span: Span, limit: int, ends: tuple[re.Pattern[str], ...]) -> Iterator[Span]:
    """Spans without white space around them, none longer than the limit, cut at the first kind of end that will do."""
    begin, end = _stripped(text, span)
    if end - begin <= limit:
        if begin < end:
            yield begin, end
    elif not ends:
        yield from _words(text, begin, end, limit)
    else:
        cuts = [begin, *_cuts(text, begin, end, ends[0]), end]
        for piece in pairwise(cuts):
            yield from _units(text, piece, limit, ends[1:])


def _words(text: str, begin: int, end: int, limit: int) -> Iterator[Span]:
    """As many words as fit, again and again; a word above the limit is cut where it must be."""
    while end - begin > limit:
        cut = begin + limit
        if not text[cut].isspace() and len(words := text[begin:cut].rsplit(None, 1)) == 2:
            cut -= len(words[1])
        yield _stripped(text, (begin, cut))
        begin = next(at for at in range(cut, end) if not text[at].isspace())
    yield begin, end


def _stripped(text: str, span: Span) -> Span:
    piece = text[slice(*span)]
    begin = span[0] + len(piece) - len(piece.lstrip())
    return begin, max(begin, span[0] + len(piece.rstrip()))


def _cuts(text: str, begin: int, end: int, ends: re.Pattern[str]) -> Iterator[int]:
    for match in ends.finditer(text, begin, end):
        before = text[max(match.start() - LONGEST_ABBREVIATION, 0) : match.end()]
        if ends is not SENTENCE_END or not ABBREVIATED.search(before):
            yield match.end()
