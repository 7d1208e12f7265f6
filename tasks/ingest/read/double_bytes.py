"""Damage in text of double bytes: a byte too many or too few shifts all pairs behind it, and most are characters too.

So what looks garbled is read along the cheapest path through it: common characters cost little, rare ones much, a byte
that is left out most. Leaving one out pays where many rare characters become common: rare words stay as they are.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

from tasks.ingest.read.east_asian import CHINESE, EXPECTED, KANA, KOREAN

LENGTHS = {  # of characters beyond ASCII, in bytes
    "cp932": (2, 1), "euc_jp": (2, 3), "gb18030": (2, 4), "gbk": (2,), "gb2312": (2,), "big5": (2,), "big5hkscs": (2,),
    "cp950": (2,), "euc_kr": (2,), "cp949": (2,), "johab": (2,), "shift_jis": (2, 1),
}  # fmt: skip
USUAL_ROWS = {  # the standards' own rows of usual characters, by their first bytes
    "gb2312": range(0xB0, 0xD8), "big5": range(0xA4, 0xC7), "shift_jis": range(0x88, 0x99), "euc_kr": range(0xB0, 0xC9),
}  # fmt: skip
STANDARDS = {  # of the characters that are usual in an encoding
    **dict.fromkeys(("cp932", "euc_jp", "shift_jis"), "shift_jis"),
    **dict.fromkeys(("gb18030", "gbk", "gb2312"), "gb2312"),
    **dict.fromkeys(("big5", "big5hkscs", "cp950"), "big5"),
    **dict.fromkeys(("euc_kr", "cp949", "johab"), "euc_kr"),
}
FREQUENT = frozenset(KANA + CHINESE + KOREAN)
USUAL_COST, RARE_COST, LEFT_OUT_COST = 1.0, 4.0, 7.0
PIECE = re.compile(rb"[\x00-\x2f]+|[^\x00-\x2f]+")  # those signs are within no character of any of these encodings
MAX_BYTES = 64 << 10  # of a piece that is mended
OTHER_SIGNS = EXPECTED.pattern.strip("[]").replace("\u4e00-\u9fff", "").replace("\uac00-\ud7a3", "")
SIGN = "\ufffd"


class Resynchronised(NamedTuple):
    text: str
    left_out: int  # bytes, each now U+FFFD


def resynchronise(raw: bytes, encoding: str) -> Resynchronised:
    """The text of bytes that may be damaged, in linear time."""
    try:
        text = raw.decode(encoding)
        if not _garbled(STANDARDS[encoding]).search(text):
            return Resynchronised(text, 0)
    except UnicodeDecodeError:
        pass
    pieces = [_piece(piece, encoding) for piece in PIECE.findall(raw)]
    return Resynchronised("".join(piece.text for piece in pieces), sum(piece.left_out for piece in pieces))


def _piece(raw: bytes, encoding: str) -> Resynchronised:
    try:
        text = raw.decode(encoding)
        if len(text) == len(raw) or not _garbled(STANDARDS[encoding]).search(text):
            return Resynchronised(text, 0)
    except UnicodeDecodeError:
        text = raw.decode(encoding, errors="replace")
    return _cheapest(raw, encoding) if len(raw) <= MAX_BYTES else Resynchronised(text, text.count(SIGN))


def _cheapest(raw: bytes, encoding: str) -> Resynchronised:
    """The reading of least cost, by dynamic programming over the places between bytes."""
    costs, steps = [0.0] + [float("inf")] * len(raw), [0] * (len(raw) + 1)  # a step of 0 leaves a byte out
    for at, byte in enumerate(raw):
        options = [(1, 0.0)] if byte < 0x80 else [(0, LEFT_OUT_COST)]
        if byte >= 0x80:
            options += [(n, _cost(raw[at : at + n], encoding)) for n in LENGTHS[encoding]]
        for step, cost in options:
            end = at + (step or 1)
            if end <= len(raw) and costs[at] + cost < costs[end]:
                costs[end], steps[end] = costs[at] + cost, step
    pieces, at = list[str](), len(raw)
    while at:
        step = steps[at]
        pieces.append(raw[at - step : at].decode(encoding) if step else SIGN)
        at -= step or 1
    return Resynchronised("".join(reversed(pieces)), pieces.count(SIGN))


@lru_cache(maxsize=1 << 16)
def _cost(raw: bytes, encoding: str) -> float:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return float("inf")
    if len(text) != 1:  # two characters, or a shorter one and what follows it
        return float("inf")
    return 0.0 if text in FREQUENT else USUAL_COST if _usual(STANDARDS[encoding]).match(text) else RARE_COST


@cache
def _usual(standard: str) -> re.Pattern[str]:
    """A character of the standard's usual rows, or a sign of East Asian text."""
    return re.compile(f"[{_usual_characters(standard)}]")


@cache
def _garbled(standard: str) -> re.Pattern[str]:
    """Three characters that are none of these, with few between them."""
    rare = f"[^\\x00-\\x7f{_usual_characters(standard)}]"
    return re.compile(f"{rare}.{{0,2}}{rare}.{{0,2}}{rare}")


def _usual_characters(standard: str) -> str:
    """What stands between the brackets of a regular expression."""
    pairs = (bytes((row, cell)) for row in USUAL_ROWS[standard] for cell in range(0x40, 0xFF))
    rows = "".join(pair.decode(standard, errors="ignore") for pair in pairs)
    return OTHER_SIGNS + "".join(sorted({c for c in rows if c > "\x7f"} | FREQUENT))
