"""Bytes to text: by a mark, as UTF-8 strictly, or in a legacy encoding where its detection is sure."""

import codecs
import re
from typing import NamedTuple

from tasks.ingest.read.latin import latin_encoding

UTF8_MARK = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8, UTF16_NAME = "utf-8", "utf-16"
LEGACY = [  # beside those of Latin letters: charset-normalizer, left to itself, finds Farsi in four accented letters
    *("cp1251", "koi8_r", "koi8_u", "iso8859_5", "cp866", "cp1253", "cp1255", "cp1256", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
SHIFT = re.compile(rb"\x1b\$(?:[@B]|\([A-D@B]|\)[AC])")  # to double bytes, in ISO-2022: what ASCII never holds
SHIFTING = ("iso2022_kr", "iso2022_jp", "iso2022_jp_2", "iso2022_jp_2004")  # seven bits: as UTF-8 valid, and no text
DETECTED_ON = 64 << 10  # bytes, from the first that is not ASCII
FEWEST = 3  # bytes that are not ASCII: one or two are a damaged file as easily
SURE = 0.1  # coherence: how well letters occur as in a language it knows
MESSY = 0.1  # how much of it looks garbled


class Undecodable(Exception):
    """Bytes that are no text in any encoding that is sure; the message is the quarantine's reason."""


class Decoded(NamedTuple):
    text: str
    encoding: str


def decode(raw: bytes) -> Decoded:
    """The text without its mark, and the encoding; Undecodable with a reason."""
    encoding = encoding_of(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise Undecodable(f"invalid {encoding} at byte {error.start} (0x{raw[error.start]:02x})") from None
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise Undecodable("NUL byte")
    return Decoded(text, encoding)


def encoding_of(raw: bytes) -> str:
    """utf-8, utf-16, or the legacy encoding that the bytes surely are in."""
    if raw.startswith(UTF16):
        return UTF16_NAME
    if SHIFT.search(raw) and (encoding := next((e for e in SHIFTING if _begins(raw, e)), None)):
        return encoding
    try:
        raw.decode()
        return UTF8
    except UnicodeDecodeError as error:
        fault = f"invalid UTF-8 at byte {error.start} (0x{raw[error.start]:02x})"
        start = error.start
    if b"\0" in raw:
        raise Undecodable(f"{fault}, and NUL bytes: no text")
    return _legacy(raw[max(0, start - 1000) : start + DETECTED_ON], fault)


def _begins(raw: bytes, encoding: str) -> bool:
    """Whether the bytes are text of that encoding, or the beginning of one."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeDecodeError:
        return False
    return True


def _legacy(raw: bytes, fault: str) -> str:
    from charset_normalizer import from_bytes

    if sum(byte > 127 for byte in raw) < FEWEST:
        raise Undecodable(f"{fault}, and too little to tell another encoding by: save it as UTF-8")
    if latin := latin_encoding(raw):
        return latin
    best = from_bytes(raw, cp_isolation=LEGACY, preemptive_behaviour=False).best()
    if best is None:
        raise Undecodable(f"{fault}, and no other encoding fits: save it as UTF-8")
    if best.chaos > MESSY or best.coherence < SURE:
        raise Undecodable(f"{fault}, and {best.encoding}, the likeliest other encoding, is not sure: save it as UTF-8")
    return best.encoding
