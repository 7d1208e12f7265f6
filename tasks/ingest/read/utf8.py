"""UTF-8 with damage: a few bytes that are none of it, signs of cp1252 that were pasted in, a last character cut off."""

import codecs
import re
from collections.abc import Mapping
from typing import NamedTuple

from tasks.ingest.read.alphabets import fits_latin

LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
STRAY_BYTES = 2  # so few may be damage in text that is ASCII otherwise
LETTERS_PER_STRAY = 3  # letters of ASCII that such a text has at least, for each of them
LATIN_END, PUNCTUATION = "\u024f", re.compile("[\u2000-\u206f]")
ESCAPED = re.compile("[\udc80-\udcff]+")  # bytes that are no UTF-8, as `surrogateescape` decodes them
HALVES = re.compile("\udced[\udca0-\udcaf][\udc80-\udcbf]\udced[\udcb0-\udcbf][\udc80-\udcbf]")
JOINED = "characters written as two halves (CESU-8) were joined"
READ_AS_CP1252 = "bytes that are no UTF-8 were read as signs of cp1252 (`encoding` of the source names another)"
REPLACED = "bytes that are no UTF-8 became U+FFFD (`encoding` of the source says what they are)"
CUT = "an incomplete character at the end was left out"


class Mended(NamedTuple):
    """Text from damaged UTF-8, and how often each kind of damage was mended."""

    text: str
    repairs: Mapping[str, int]


def mend(escaped: str) -> Mended | None:
    """Text decoded with `surrogateescape`, mended; None where too much of it is no UTF-8."""
    return mended(escaped) if is_damaged_utf8(escaped) else None


def _join(halves: re.Match[str]) -> str:
    """The character that Java and old databases write as the two halves that UTF-16 has."""
    raw = halves[0].encode(errors="surrogateescape")
    return raw.decode(errors="surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")


def mended(escaped: str) -> Mended:
    """The text with the sign of cp1252 in place of a byte where it fits, else with U+FFFD."""
    escaped, joined = HALVES.subn(_join, escaped)
    has_good = not ESCAPED.sub("", escaped).isascii()
    pieces, at, repairs = list[str](), 0, {JOINED: joined} if joined else dict[str, int]()
    for match in ESCAPED.finditer(escaped):
        raw = match[0].encode(errors="surrogateescape")
        if match.end() == len(escaped) and (has_good or len(raw) > 1) and _is_cut(raw):
            sign, repair = "", CUT
        elif sign := _cp1252_sign(
            raw, escaped[match.start() - 1 : match.start()], escaped[match.end() : match.end() + 1]
        ):
            repair = READ_AS_CP1252
        else:
            sign, repair = raw.decode(errors="replace"), REPLACED
        pieces += [escaped[at : match.start()], sign]
        at = match.end()
        repairs[repair] = repairs.get(repair, 0) + 1
    return Mended("".join([*pieces, escaped[at:]]), repairs)


def is_damaged_utf8(escaped: str) -> bool:
    """Whether text is mostly UTF-8, or ASCII with one or two bad bytes."""
    escaped = HALVES.sub("\ufffd", escaped)
    ascii_bytes = escaped.encode("ascii", "ignore")
    letters = len(ascii_bytes) - len(ascii_bytes.translate(None, LETTERS))
    bad = sum(map(len, ESCAPED.findall(escaped)))
    return is_mostly_utf8(escaped) or (bad <= STRAY_BYTES and letters >= LETTERS_PER_STRAY * bad)


def is_mostly_utf8(escaped: str) -> bool:
    """Whether text has more good characters beyond ASCII than bad bytes."""
    escaped = HALVES.sub("\ufffd", escaped)
    bad = sum(map(len, ESCAPED.findall(escaped)))
    return len(escaped) - len(escaped.encode("ascii", "ignore")) - bad > bad


def _is_cut(raw: bytes) -> bool:
    """Whether these are the first bytes of one character."""
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return False


def _cp1252_sign(raw: bytes, before: str, after: str) -> str:
    """The sign of cp1252 where one byte is a mark, or a letter of a word in Latin letters; else none."""
    if len(raw) > 1 or any(c > LATIN_END and not PUNCTUATION.match(c) for c in before + after):
        return ""
    sign = raw.decode("cp1252", errors="ignore")
    if sign.isalpha() and not (before.isalpha() or after.isalpha()):
        return ""
    return sign if sign and fits_latin(before + sign + after, len(before)) else ""
