"""ISO-2022-JP as mail programs write it (cp50221): with the characters of cp932 that the standard's rows do not have.

Python's codecs know the rows of the standard alone, so that a ① or a 髙 makes the whole text undecodable.
"""

import codecs
import re

NAME = "cp50221"
ESCAPES = re.compile(rb"\x1b(\$[@B]|\([BJI]|\$\(D)")
DOUBLE, KATAKANA, SUPPLEMENT = (b"$@", b"$B"), b"(I", b"$(D"  # beside ASCII
WHOLE_PAIRS, PAIR_OR_BYTE = re.compile(rb"(?:[!-~]{2})*"), re.compile(rb"([!-~]{2})|[^!-~]|[!-~]$", re.DOTALL)
TO_RIGHT_HALF = bytes(byte | 0x80 for byte in range(256))


class _Decoder(codecs.BufferedIncrementalDecoder):
    """Decodes whole lines: at the end of a line the encoding is ASCII again."""

    def _buffer_decode(self, input: bytes, errors: str, final: bool) -> tuple[str, int]:
        end = len(input) if final else input.rfind(b"\n") + 1
        return _decode(input[:end], errors)


def register() -> None:
    """Makes Python know cp50221, for reading alone."""
    info = codecs.CodecInfo(_no_encoder, _decode, incrementaldecoder=_Decoder, name=NAME)  # type: ignore[arg-type]
    codecs.register(lambda name: info if name == NAME else None)


def _no_encoder(text: str, _: str = "strict") -> tuple[bytes, int]:
    raise UnicodeEncodeError(NAME, text, 0, len(text), "it is read, and never written")


def _decode(raw: bytes, errors: str = "strict") -> tuple[str, int]:
    raw = bytes(raw)
    text = "".join(_decode_line(line, errors) for line in raw.splitlines(keepends=True))
    return text, len(raw)


def _decode_line(line: bytes, errors: str) -> str:
    start, *pieces = ESCAPES.split(line)
    text = start.decode("ascii", errors)
    for state, piece in zip(pieces[::2], pieces[1::2], strict=True):
        body = piece.rstrip(b"\r\n")
        if state in DOUBLE:
            text += _double(body, errors)
        elif state == KATAKANA:
            text += body.translate(TO_RIGHT_HALF).decode("cp932", errors)
        elif state == SUPPLEMENT:
            pairs = (body[at : at + 2].translate(TO_RIGHT_HALF) for at in range(0, len(body), 2))
            text += b"".join(b"\x8f" + pair for pair in pairs).decode("euc_jp", errors)
        else:
            text += body.decode("ascii", errors)
        text += piece[len(body) :].decode("ascii")
    return text


def _double(body: bytes, errors: str) -> str:
    """Characters of two bytes each; what is no pair is U+FFFD, or a UnicodeDecodeError."""
    if WHOLE_PAIRS.fullmatch(body):
        return _shift_jis(body).decode("cp932", errors)
    if errors == "strict":
        raise UnicodeDecodeError(NAME, body, 0, len(body), "no pairs of bytes from 0x21 to 0x7e")
    return "".join(_double(pair, errors) if pair else "\ufffd" for pair in PAIR_OR_BYTE.findall(body))


def _shift_jis(pairs: bytes) -> bytes:
    """Rows and cells of JIS X 0208, two bytes from 0x21 on, as Shift JIS has them (JIS X 0208, annex 1)."""
    raw = bytearray()
    for row, cell in zip(pairs[::2], pairs[1::2], strict=True):
        first = ((row - 0x21) >> 1) + 0x81
        second = cell + (0x7E if row % 2 == 0 else 0x20 if cell >= 0x60 else 0x1F)
        raw += bytes((first + 0x40 if first > 0x9F else first, second))
    return bytes(raw)
