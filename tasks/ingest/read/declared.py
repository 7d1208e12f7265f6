"""Text in the encoding that a page or a message declares, whose name is taken as browsers take it."""

import codecs

from tasks.ingest.read.encodings import NOT_IN_ENCODING, SHIFT_SEQUENCE, UTF8, Decoded, decode
from tasks.ingest.read.utf8 import is_mostly_utf8

WIDER = {  # an encoding and the one that holds it, which is what programs write under its name (Encoding, 4.2)
    **{"iso8859-1": ("cp1252",), "ascii": ("cp1252",), "iso8859-9": ("cp1254",), "iso8859-11": ("cp874",)},
    **{"tis-620": ("cp874",), "euc_kr": ("cp949",), "shift_jis": ("cp932",), "big5": ("big5hkscs", "cp950")},
    **{"gb2312": ("gb18030",), "gbk": ("gb18030",), "koi8-r": ("koi8_u",)},
}
ALIASES = {"windows-31j": "cp932", "unicode-1-1-utf-8": "utf-8"}
SEVEN_BITS = "utf-7"  # not known by its bytes
MAX_REPLACED_SHARE = 0.1  # of the characters: with more, the declaration is wrong


def decode_declared(raw: bytes, declared: str | None) -> Decoded:
    """UTF-8 where it is that, else as declared, with U+FFFD for what that encoding does not have, else as detected."""
    encodings = _encodings(declared)
    if not encodings or SHIFT_SEQUENCE.search(raw) or is_mostly_utf8(raw.decode(errors="surrogateescape")):
        return decode(raw)
    for encoding in encodings:
        try:
            return Decoded(raw.decode(encoding), UTF8 if raw.isascii() else encoding)
        except UnicodeDecodeError:
            continue
    text = raw.decode(encodings[0], errors="replace")
    count = text.count("\ufffd")
    if count <= MAX_REPLACED_SHARE * len(text):
        return Decoded(text, encodings[0], {NOT_IN_ENCODING: count})
    return decode(raw)


def _encodings(declared: str | None) -> tuple[str, ...]:
    """What to read a declared encoding as; nothing for those of Unicode, which are known by their bytes."""
    if not declared:
        return ()
    name = declared.strip().lower().removeprefix("x-").removesuffix("-i")
    try:
        name = codecs.lookup(ALIASES.get(name, name)).name
        "".encode(name)
    except LookupError:  # unknown, or no encoding of text
        return ()
    return () if name.startswith("utf") and name != SEVEN_BITS else WIDER.get(name, (name,))
