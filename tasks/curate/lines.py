"""Signals of lines and paragraphs, in the arithmetic of datatrove's filter classes."""

import re
from functools import cache

PARAGRAPH_ENDS = re.compile(r"\n{2,}")
LINE_ENDS = re.compile(r"\n+")


def line_signals(text: str, short_line_length: int) -> dict[str, float]:
    return _gopher_lines(text) | _gopher_repetition(text) | _fineweb(text, short_line_length)


def ends_a_sentence(line: str) -> bool:
    """True where the last character of a line is a terminal punctuation mark."""
    return line[-1] in _terminal_punctuation()


def _gopher_lines(text: str) -> dict[str, float]:
    lines = text.splitlines()
    bullets = sum(line.lstrip().startswith(("•", "-")) for line in lines)
    ellipses = sum(line.rstrip().endswith(("...", "…")) for line in lines)
    count = len(lines) or 1
    return {"bullet_lines_ratio": bullets / count, "ellipsis_lines_ratio": ellipses / count}


def _gopher_repetition(text: str) -> dict[str, float]:
    paragraphs = PARAGRAPH_ENDS.split(text.strip())
    lines = LINE_ENDS.split(text)
    paragraph_repeats, paragraph_characters = _repeats(paragraphs)
    line_repeats, line_characters = _repeats(lines)
    characters = len(text) or 1
    return {
        "dup_para_frac": paragraph_repeats / len(paragraphs),
        "dup_para_char_frac": paragraph_characters / characters,
        "dup_line_frac": line_repeats / len(lines),
        "dup_line_char_frac": line_characters / characters,
    }


def _fineweb(text: str, short_line_length: int) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    count = len(lines) or 1
    characters = len(text) - text.count("\n")
    return {
        "lines": len(lines),
        "line_punct_ratio": sum(map(ends_a_sentence, lines)) / count,
        "short_line_ratio": sum(len(line) <= short_line_length for line in lines) / count,
        "char_dup_ratio": _repeats(lines)[1] / (characters or 1),
    }


def _repeats(pieces: list[str]) -> tuple[int, int]:
    """The number of pieces that repeat an earlier one, and their characters."""
    if len(set(pieces)) == len(pieces):
        return 0, 0
    seen, repeats, characters = set(), 0, 0
    for piece in pieces:
        if piece in seen:
            repeats, characters = repeats + 1, characters + len(piece)
        else:
            seen.add(piece)
    return repeats, characters


@cache
def _terminal_punctuation() -> frozenset[str]:
    from datatrove.utils.text import TERMINAL_PUNCTUATION

    return frozenset(TERMINAL_PUNCTUATION)
