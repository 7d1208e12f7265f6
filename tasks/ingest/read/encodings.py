"""Bytes to text: by a byte order mark, as UTF-8, or in the legacy encoding that their letters fit."""

import codecs
import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple, Protocol

from tasks.ingest.read import alphabets, iso2022
from tasks.ingest.read.double_bytes import LENGTHS as DOUBLE_BYTES
from tasks.ingest.read.double_bytes import resynchronise
from tasks.ingest.read.east_asian import east_asian_encoding
from tasks.ingest.read.utf8 import CUT, REPLACED, Mended, is_damaged_utf8, is_mostly_utf8, mend

UTF8_MARK = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8, UTF16_NAME = "utf-8", "utf-16"
MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", **dict.fromkeys(UTF16, UTF16_NAME)}
SHIFT_SEQUENCE = re.compile(rb"\x1b\$(?:[@B]|\([A-D@B]|\)[AC])")  # of ISO-2022, to double bytes: never in plain ASCII
SHIFT_ENCODINGS = ("iso2022_kr", "iso2022_jp", "iso2022_jp_2", "iso2022_jp_2004", iso2022.NAME)  # of seven bits
DETECTION_BYTES = 64 << 10  # from the first byte that is not ASCII
NOT_IN_ENCODING = "bytes that the encoding of the text does not have became U+FFFD"
NULS = "NUL bytes in text became U+FFFD"
MIXED = "lines of UTF-8 in a text of another encoding"
MAX_REPLACED_SHARE, MAX_NUL_SHARE = 0.01, 0.001  # of the characters
GUESSED = "texts with too few letters to show their encoding, read as {}: name a better one in `encoding` of the source"
AS_OTHERS = "texts with too few letters to show their encoding, read as {} like the others of their source"
NAME_IT = "save it as UTF-8, or name its encoding in `encoding` of the source"
MIN_PAIRS, MIN_NUL_SHARE = 8, 0.6  # of UTF-16 without its mark: pairs of bytes, and NULs as every other one
NON_ASCII = bytes(range(128, 256))
MIN_EAST_ASIAN = 3  # characters of a line that is UTF-8 in a text of double bytes
MIN_NON_ASCII = 3  # bytes: one or two may as well be damage in a UTF-8 file

iso2022.register()


class Undecodable(Exception):
    """Bytes whose encoding is not certain; the message is the quarantine's reason."""


class Decoded(NamedTuple):
    text: str
    encoding: str
    repairs: Mapping[str, int] = {}  # how often each kind of damage was mended


class CommonEncoding(NamedTuple):
    """What the texts of a source have in common."""

    encoding: str
    language: str = ""  # of texts in an alphabet


class Shared(Protocol):
    """The encoding that a source names, or that its texts share (shared_encoding.py)."""

    named: str | None

    @cached_property
    def common(self) -> CommonEncoding | None: ...


class Detected(NamedTuple):
    encoding: str
    notes: Mapping[str, int] = {}  # how it was chosen, where the bytes alone are not enough


def decode(raw: bytes, shared: Shared | None = None) -> Decoded:
    """The text without its mark, and the encoding; Undecodable with a reason."""
    detected = encoding_of(raw, shared)
    decoded = decode_as(raw, detected.encoding)
    decoded = decoded._replace(repairs={**decoded.repairs, **detected.notes})
    nuls = decoded.text.count("\0")
    if nuls > MAX_NUL_SHARE * len(decoded.text):
        raise Undecodable("NUL byte")
    if nuls:
        return decoded._replace(text=decoded.text.replace("\0", "\ufffd"), repairs={**decoded.repairs, NULS: nuls})
    return decoded


def decode_as(raw: bytes, encoding: str) -> Decoded:
    """The text in an encoding that is known, a few damaged characters mended; Undecodable where there are more.

    Lines of UTF-8 within it are read as UTF-8: no other text is valid UTF-8 by chance.
    """
    is_other = is_utf8 if encoding in alphabets.ENCODINGS else is_east_asian_utf8 if encoding in DOUBLE_BYTES else None
    if is_other is None:
        return _decode_whole(raw, encoding)
    lines = raw.split(b"\n")
    of_utf8 = list(map(is_other, lines))
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


def is_east_asian_utf8(raw: bytes) -> bool:
    """Whether the bytes are UTF-8 with some characters of three bytes and none of two: pairs may be those by chance."""
    if raw.isascii() or not is_utf8(raw):
        return False
    beyond = [c for c in raw.decode() if c > "\x7f"]
    return len(beyond) >= MIN_EAST_ASIAN and min(beyond) >= "\u0800"


def _decode_whole(raw: bytes, encoding: str) -> Decoded:
    if encoding in DOUBLE_BYTES:
        text, left_out = resynchronise(raw, encoding)
        if left_out > max(1, MAX_REPLACED_SHARE * len(text)):
            raise Undecodable(f"{left_out:,} bytes in it are no text in {encoding}")
        return Decoded(text, encoding, {NOT_IN_ENCODING: left_out} if left_out else {})
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


def encoding_of(raw: bytes, shared: Shared | None = None) -> Detected:
    """utf-8, utf-16, or the legacy encoding of the bytes; Undecodable where nothing shows which.

    What the bytes are too few to show is decided by the encoding that the source's other texts share.
    """
    if signed := _signed(raw):
        return Detected(signed)
    try:
        raw.decode()
        return Detected(UTF8)
    except UnicodeDecodeError as error:
        fault = f"invalid UTF-8 at byte {error.start} (0x{raw[error.start]:02x})"
        start = error.start
    escaped = raw.decode(errors="surrogateescape")
    if is_mostly_utf8(escaped):
        return Detected(UTF8)
    if shared and shared.named:
        return Detected(shared.named)
    if is_damaged_utf8(escaped):
        return _encoding_of_few(raw, shared)
    if b"\0" in raw:
        raise Undecodable(f"{fault}, and NUL bytes: no text")
    first = raw.rfind(b"\n", 0, max(0, start - 1000)) + 1  # no character begins before and ends behind it
    return _legacy(without_utf8(raw[first : start + DETECTION_BYTES]), fault, shared)


def _signed(raw: bytes) -> str | None:
    """The encoding that a mark, or what no other encoding has, shows for certain; Undecodable where it is broken."""
    if mark := next((mark for mark in MARKS if raw.startswith(mark)), None):
        return MARKS[mark]
    if SHIFT_SEQUENCE.search(raw):
        if encoding := next((e for e in SHIFT_ENCODINGS if _is_prefix(raw, e)), None):
            return encoding
        raise Undecodable("ISO-2022 that none of its encodings fits: save it as UTF-8")
    return _utf16_without_mark(raw) if b"\0" in raw else None


def _utf16_without_mark(raw: bytes) -> str | None:
    """UTF-16 where every other byte of most pairs is NUL, as text in Western letters has it."""
    pairs = min(len(raw), DETECTION_BYTES) // 2
    for encoding, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        own, others = raw[first : 2 * pairs : 2], raw[1 - first : 2 * pairs : 2]
        if pairs >= MIN_PAIRS and own.count(0) > MIN_NUL_SHARE * pairs and not others.count(0):
            return encoding
    return None


def without_utf8(raw: bytes) -> bytes:
    """The bytes without the lines that are UTF-8."""
    return b"\n".join(line for line in raw.split(b"\n") if not is_utf8(line))


def _is_prefix(raw: bytes, encoding: str) -> bool:
    """Whether the bytes are text in that encoding, the last character perhaps cut off."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(raw, final=encoding == iso2022.NAME)  # it reads whole lines
    except UnicodeDecodeError:
        return False
    return True


def non_ascii_bytes(raw: bytes) -> int:
    return len(raw) - len(raw.translate(None, NON_ASCII))


def _encoding_of_few(raw: bytes, shared: Shared | None) -> Detected:
    """The encoding of ASCII with one or two other bytes: damage in UTF-8, unless they are letters where they stand."""
    if common := _common(raw, shared):
        return common
    repaired = decode_as(raw, UTF8).repairs
    certain = alphabets.latin_encoding_of_few(raw) if non_ascii_bytes(raw) < MIN_NON_ASCII else None
    if certain and (certain != alphabets.LATIN[0] or REPLACED in repaired):
        return Detected(certain, {GUESSED.format(certain): 1})
    return Detected(UTF8)


def _legacy(raw: bytes, fault: str, shared: Shared | None) -> Detected:
    try:
        encoding, is_certain = legacy_encoding(raw, fault)
    except Undecodable:
        if common := _common(raw, shared):
            return common
        raise
    if is_certain:
        return Detected(encoding)
    return _common(raw, shared) or Detected(encoding, {GUESSED.format(encoding): 1})


def _common(raw: bytes, shared: Shared | None) -> Detected | None:
    """The encoding that the source's texts share, where these bytes are text in it too."""
    common = shared.common if shared else None
    if common is None:
        return None
    try:
        text = raw.decode(common.encoding)
    except UnicodeDecodeError:
        return None
    is_text = not common.language or alphabets.fits_language(text, common.language, common.encoding)
    return Detected(common.encoding, {AS_OTHERS.format(common.encoding): 1}) if is_text else None


def legacy_encoding(raw: bytes, fault: str) -> tuple[str, bool]:
    """The legacy encoding that fits the bytes, and whether they are enough to be certain; else Undecodable."""
    if non_ascii_bytes(raw) < MIN_NON_ASCII:
        raise Undecodable(f"{fault}, and too few other bytes to detect another encoding: {NAME_IT}")
    if encoding := east_asian_encoding(raw):
        return encoding, True
    if fit := alphabets.alphabet_encoding(raw):
        return fit.encoding, fit.is_certain
    raise Undecodable(f"{fault}, and no other encoding fits: {NAME_IT}")
