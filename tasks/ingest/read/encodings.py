"""Bytes to text: by a byte order mark, as UTF-8, or in a legacy encoding where its detection is certain."""

import codecs
import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from tasks.ingest.read import alphabets, iso2022
from tasks.ingest.read.east_asian import east_asian_encoding
from tasks.ingest.read.utf8 import CUT, REPLACED, Mended, is_damaged_utf8, mend

UTF8_MARK = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8, UTF16_NAME = "utf-8", "utf-16"
SHIFT_SEQUENCE = re.compile(rb"\x1b\$(?:[@B]|\([A-D@B]|\)[AC])")  # of ISO-2022, to double bytes: never in plain ASCII
SHIFT_ENCODINGS = ("iso2022_kr", "iso2022_jp", "iso2022_jp_2", "iso2022_jp_2004", iso2022.NAME)  # of seven bits
DETECTION_BYTES = 64 << 10  # from the first byte that is not ASCII
NOT_IN_ENCODING = "bytes that the encoding of the text does not have became U+FFFD"
NULS = "NUL bytes in text became U+FFFD"
MIXED = "lines of UTF-8 in a text of another encoding"
MAX_REPLACED_SHARE, MAX_NUL_SHARE = 0.01, 0.001  # of the characters
NON_ASCII = bytes(range(128, 256))
MIN_NON_ASCII = 3  # bytes: one or two may as well be damage in a UTF-8 file

iso2022.register()


class Undecodable(Exception):
    """Bytes whose encoding is not certain; the message is the quarantine's reason."""


class Decoded(NamedTuple):
    text: str
    encoding: str
    repairs: Mapping[str, int] = {}  # how often each kind of damage was mended


def decode(raw: bytes) -> Decoded:
    """The text without its mark, and the encoding; Undecodable with a reason."""
    encoding = encoding_of(raw)
    decoded = decode_as(raw, encoding)
    if decoded.repairs and non_ascii_bytes(raw) < MIN_NON_ASCII:
        certain = alphabets.latin_encoding_of_few(raw)
        if certain and (certain != alphabets.LATIN[0] or REPLACED in decoded.repairs):
            decoded = decode_as(raw, certain)
    nuls = decoded.text.count("\0")
    if nuls > MAX_NUL_SHARE * len(decoded.text):
        raise Undecodable("NUL byte")
    if nuls:
        return decoded._replace(text=decoded.text.replace("\0", "\ufffd"), repairs={**decoded.repairs, NULS: nuls})
    return decoded


def decode_as(raw: bytes, encoding: str) -> Decoded:
    """The text in an encoding that is known, a few damaged characters mended; Undecodable where there are more.

    Lines of UTF-8 within text of single bytes are read as UTF-8: no other text is valid UTF-8 by chance.
    """
    if encoding not in alphabets.ENCODINGS:
        return _decode_whole(raw, encoding)
    lines = raw.split(b"\n")
    of_utf8 = list(map(is_utf8, lines))
    if not any(of_utf8):
        return _decode_whole(raw, encoding)
    decoded = [_decode_whole(line, UTF8 if good else encoding) for line, good in zip(lines, of_utf8, strict=True)]
    repairs = Counter({MIXED: sum(of_utf8)})
    for line in decoded:
        repairs.update(line.repairs)
    return Decoded("\n".join(line.text for line in decoded), encoding, repairs)


def is_utf8(raw: bytes) -> bool:
    """Whether the bytes are UTF-8, and more than ASCII."""
    try:
        return not raw.isascii() and bool(raw.decode())
    except UnicodeDecodeError:
        return False


def _decode_whole(raw: bytes, encoding: str) -> Decoded:
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
    text = decoder.decode(raw, final=encoding == iso2022.NAME)
    count = text.count("\ufffd")
    cut = {CUT: 1} if decoder.getstate()[0] else {}
    is_text = count <= max(1, MAX_REPLACED_SHARE * len(text))
    return Mended(text, cut | ({NOT_IN_ENCODING: count} if count else {})) if is_text else None


def encoding_of(raw: bytes) -> str:
    """utf-8, utf-16, or the legacy encoding of the bytes; Undecodable where that is not certain."""
    if raw.startswith(UTF16):
        return UTF16_NAME
    if SHIFT_SEQUENCE.search(raw):
        if encoding := next((e for e in SHIFT_ENCODINGS if _is_prefix(raw, e)), None):
            return encoding
        raise Undecodable("ISO-2022 that none of its encodings fits: save it as UTF-8")
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
    first = raw.rfind(b"\n", 0, max(0, start - 1000)) + 1  # no character begins before and ends behind it
    lines = raw[first : start + DETECTION_BYTES].split(b"\n")
    return _legacy(b"\n".join(line for line in lines if not is_utf8(line)), fault)


def _is_prefix(raw: bytes, encoding: str) -> bool:
    """Whether the bytes are text in that encoding, the last character perhaps cut off."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(raw, final=encoding == iso2022.NAME)  # it reads whole lines
    except UnicodeDecodeError:
        return False
    return True


def non_ascii_bytes(raw: bytes) -> int:
    return len(raw) - len(raw.translate(None, NON_ASCII))


def _legacy(raw: bytes, fault: str) -> str:
    if non_ascii_bytes(raw) < MIN_NON_ASCII:
        raise Undecodable(f"{fault}, and too few other bytes to detect another encoding: save it as UTF-8")
    if encoding := east_asian_encoding(raw) or alphabets.alphabet_encoding(raw):
        return encoding
    raise Undecodable(f"{fault}, and no other encoding fits: save it as UTF-8")
