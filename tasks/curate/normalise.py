"""One spelling for one text: the text that is judged, compared and trained on."""

import re
import unicodedata
from typing import Literal

import regex

LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
MARKS = 30  # combining marks in a row at most: Unicode's Stream-Safe Text Format (UAX 15, D4)
MANY_MARKS = regex.compile(rf"\P{{ccc=0}}{{{MARKS}}}(?=\P{{ccc=0}})")
JOINER = "\u034f"  # the combining grapheme joiner, which is not seen
UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff]")  # control characters but \t and \n; byte order marks


def normalise(text: str, form: Literal["NFC", "NFKC", "none"]) -> str:
    """The text with \\n as its only line end, without unseen characters, in the Unicode form."""
    text = stream_safe(UNSEEN.sub("", LINE_ENDS.sub("\n", text)))
    return text if form == "none" else unicodedata.normalize(form, text)


def stream_safe(text: str) -> str:
    """The text with a joiner after each 30 combining marks in a row, whose order takes quadratic time to settle."""
    return text if text.isascii() else MANY_MARKS.sub(rf"\g<0>{JOINER}", text)
