"""One spelling for one text: the text that is judged, compared and trained on."""

import re
import unicodedata
from typing import Literal

LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff]")  # control characters but \t and \n; byte order marks


def normalise(text: str, form: Literal["NFC", "NFKC", "none"]) -> str:
    """The text with \\n as its only line end, without unseen characters, in the Unicode form."""
    text = UNSEEN.sub("", LINE_ENDS.sub("\n", text))
    return text if form == "none" else unicodedata.normalize(form, text)
