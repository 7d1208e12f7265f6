"""Bytes to text: UTF-8 first and strictly, then by a mark, then a legacy encoding where its detection is sure."""

from typing import NamedTuple

UTF8_MARK = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8, UTF16_NAME = "utf-8", "utf-16"
LEGACY = [  # what people have: charset-normalizer, left to itself, finds Farsi in four accented letters
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
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
    try:
        raw.decode()
        return UTF8
    except UnicodeDecodeError as error:
        fault = f"invalid UTF-8 at byte {error.start} (0x{raw[error.start]:02x})"
        start = error.start
    if b"\0" in raw:
        raise Undecodable(f"{fault}, and NUL bytes: no text")
    return _legacy(raw[max(0, start - 1000) : start + DETECTED_ON], fault)


def _legacy(raw: bytes, fault: str) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(raw, cp_isolation=LEGACY, preemptive_behaviour=False).best()
    if best is None:
        raise Undecodable(f"{fault}, and no other encoding fits")
    encoding = _western(best.encoding, raw)
    if best.chaos > MESSY or best.coherence < SURE or sum(byte > 127 for byte in raw) < FEWEST:
        raise Undecodable(f"{fault}, and {encoding}, the likeliest other encoding, is not sure: save it as UTF-8")
    return encoding


def _western(encoding: str, raw: bytes) -> str:
    """cp1252 where it gives the same text as what was found: the commonest of several that fit alike."""
    try:
        return "cp1252" if raw.decode("cp1252") == raw.decode(encoding) else encoding
    except UnicodeDecodeError:
        return encoding
