"""Bytes to text: by a byte order mark, as strict UTF-8, or in a legacy encoding where its detection is certain."""

import codecs
import re
from collections.abc import Mapping
from typing import NamedTuple

from tasks.ingest.read.latin import latin_encoding
from tasks.ingest.read.utf8 import CUT, Mended, is_damaged_utf8, mend

UTF8_MARK = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8, UTF16_NAME = "utf-8", "utf-16"
LEGACY = [  # beside those of Latin letters: charset-normalizer, unrestricted, takes four accented letters for Farsi
    *("cp1251", "koi8_r", "koi8_u", "iso8859_5", "cp866", "cp1253", "cp1255", "cp1256", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
SHIFT_SEQUENCE = re.compile(rb"\x1b\$(?:[@B]|\([A-D@B]|\)[AC])")  # of ISO-2022, to double bytes: never in plain ASCII
SHIFT_ENCODINGS = ("iso2022_kr", "iso2022_jp", "iso2022_jp_2", "iso2022_jp_2004")  # of seven bits, so valid UTF-8 too
DETECTION_BYTES = 64 << 10  # from the first byte that is not ASCII
NOT_IN_ENCODING = "bytes that the encoding of the text does not have became U+FFFD"
MAX_REPLACED_SHARE = 0.001  # of the characters
MIN_NON_ASCII = 3  # bytes: one or two may as well be damage in a UTF-8 file
MIN_COHERENCE = 0.1  # how well the frequencies of letters match a known language (charset-normalizer)
MAX_CHAOS = 0.1  # the share that looks garbled (charset-normalizer)


class Undecodable(Exception):
    """Bytes whose encoding is not certain; the message is the quarantine's reason."""


class Decoded(NamedTuple):
    text: str
    encoding: str
    repairs: Mapping[str, int] = {}  # how often each kind of damage was mended


def decode(raw: bytes) -> Decoded:
    """The text without its mark, and the encoding; Undecodable with a reason."""
    decoded = decode_as(raw, encoding_of(raw))
    if "\0" in decoded.text:
        raise Undecodable("NUL byte")
    return decoded


def decode_as(raw: bytes, encoding: str) -> Decoded:
    """The text in an encoding that is known, a few damaged characters mended; Undecodable where there are more."""
    try:
        return Decoded(raw.decode(encoding).removeprefix("\ufeff"), encoding)
    except UnicodeDecodeError as error:
        fault = f"invalid {encoding} at byte {error.start} (0x{raw[error.start]:02x})"
    mended = mend(raw.decode(errors="surrogateescape")) if encoding == UTF8 else _replaced(raw, encoding)
    if mended is None:
        raise Undecodable(fault)
    return Decoded(mended.text.removeprefix("\ufeff"), encoding, mended.repairs)


def _replaced(raw: bytes, encoding: str) -> Mended | None:
    """Text with U+FFFD in place of bytes that the encoding does not have; None where these are many."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    text = decoder.decode(raw)
    count = text.count("\ufffd")
    cut = {CUT: 1} if decoder.getstate()[0] else {}
    is_text = count <= max(1, MAX_REPLACED_SHARE * len(text))
    return Mended(text, cut | ({NOT_IN_ENCODING: count} if count else {})) if is_text else None


def encoding_of(raw: bytes) -> str:
    """utf-8, utf-16, or the legacy encoding of the bytes; Undecodable where that is not certain."""
    if raw.startswith(UTF16):
        return UTF16_NAME
    if SHIFT_SEQUENCE.search(raw) and (encoding := next((e for e in SHIFT_ENCODINGS if _is_prefix(raw, e)), None)):
        return encoding
    try:
        raw.decode()
        return UTF8
    except UnicodeDecodeError as error:
        fault = f"invalid UTF-8 at byte {error.start} (0x{raw[error.start]:02x})"
        start = error.start
    if is_damaged_utf8(raw.decode(errors="surrogateescape")):
        return UTF8
    if b"\0" in raw:
        raise Undecodable(f"{fault}, and NUL bytes: no text")
    return _legacy(raw[max(0, start - 1000) : start + DETECTION_BYTES], fault)


def _is_prefix(raw: bytes, encoding: str) -> bool:
    """Whether the bytes are text in that encoding, the last character perhaps cut off."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeDecodeError:
        return False
    return True


def _legacy(raw: bytes, fault: str) -> str:
    from charset_normalizer import from_bytes

    if sum(byte > 127 for byte in raw) < MIN_NON_ASCII:
        raise Undecodable(f"{fault}, and too few other bytes to detect another encoding: save it as UTF-8")
    if latin := latin_encoding(raw):
        return latin
    best = from_bytes(raw, cp_isolation=LEGACY, preemptive_behaviour=False).best()
    if best is None:
        raise Undecodable(f"{fault}, and no other encoding fits: save it as UTF-8")
    if best.chaos > MAX_CHAOS or best.coherence < MIN_COHERENCE:
        raise Undecodable(f"{fault}, and {best.encoding}, the likeliest encoding, is not certain: save it as UTF-8")
    return best.encoding
