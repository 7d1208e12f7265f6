"""Text in the encoding that a page or a message declares, whose name is taken as browsers take it."""

import codecs

from tasks.ingest.read import alphabets
from tasks.ingest.read.double_bytes import LENGTHS as DOUBLE_BYTES
from tasks.ingest.read.double_bytes import resynchronise
from tasks.ingest.read.encodings import (
    NOT_IN_ENCODING,
    SHIFT_SEQUENCE,
    UTF8,
    Decoded,
    Detected,
    Undecodable,
    decode,
    encoding_of,
    non_ascii_bytes,
)
from tasks.ingest.read.shared_encoding import SharedEncoding
from tasks.ingest.read.utf8 import is_mostly_utf8

WIDER = {  # an encoding and the one that holds it, which is what programs write under its name (Encoding, 4.2)
    **{"iso8859-1": ("cp1252",), "ascii": ("cp1252",), "iso8859-9": ("cp1254",), "iso8859-11": ("cp874",)},
    **{"tis-620": ("cp874",), "euc_kr": ("cp949",), "shift_jis": ("cp932",), "big5": ("big5hkscs", "cp950")},
    **{"gb2312": ("gb18030",), "gbk": ("gb18030",), "koi8-r": ("koi8_u",)},
}
ALIASES = {"windows-31j": "cp932", "unicode-1-1-utf-8": "utf-8"}
CONTRADICTED = "encodings that texts declare and their letters contradict were replaced by the ones they are in"
SEVEN_BITS = "utf-7"  # not known by its bytes
MIN_CONTRADICTING_BYTES = 60
MIN_FITTING_SHARE = 0.5  # of the letters beyond ASCII: with fewer, the declaration may be wrong
MAX_REPLACED_SHARE = 0.1  # of the characters: with more, the declaration is wrong


def decode_declared(raw: bytes, declared: str | None, shared: SharedEncoding | None = None) -> Decoded:
    """UTF-8 where it is that, else as declared, with U+FFFD for what that encoding does not have, else as detected."""
    encodings = _encodings(declared)
    if not encodings or SHIFT_SEQUENCE.search(raw) or is_mostly_utf8(raw.decode(errors="surrogateescape")):
        return decode(raw, shared)
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding in DOUBLE_BYTES:
            text, count = resynchronise(raw, encoding)
            return Decoded(text, encoding, {NOT_IN_ENCODING: count} if count else {})
        if better := _better(raw, encoding):
            return Decoded(raw.decode(better.encoding), better.encoding, {CONTRADICTED: 1, **better.notes})
        return Decoded(text, UTF8 if raw.isascii() else encoding)
    encoding = encodings[0]
    text = raw.decode(encoding, errors="replace")
    count = text.count("\ufffd")
    if encoding in DOUBLE_BYTES:
        text, count = resynchronise(raw, encoding)
    if count <= MAX_REPLACED_SHARE * len(text):
        return Decoded(text, encoding, {NOT_IN_ENCODING: count})
    return decode(raw, shared)


def _better(raw: bytes, declared: str) -> Detected | None:
    """The encoding that many letters fit, where they are of no language in the declared one."""
    if declared not in alphabets.ENCODINGS or non_ascii_bytes(raw) < MIN_CONTRADICTING_BYTES:
        return None
    if alphabets.fit_of(raw, declared).share >= MIN_FITTING_SHARE:
        return None
    try:
        detected = encoding_of(raw)
        raw.decode(detected.encoding)
    except (Undecodable, UnicodeDecodeError):
        return None
    return detected if detected.encoding in alphabets.ENCODINGS else None


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
