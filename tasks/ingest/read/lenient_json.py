"""JSON as Python's `json` writes and reads it: with NaN, lone surrogates, and control characters in strings.

Two things that orjson changes silently are read here too: whole numbers above 64 bits, and names that stand twice.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

NOT_A_NUMBER = "NaN and infinities in JSON became null"
LONE_SURROGATES = "halves of characters (lone surrogates) became U+FFFD"
LARGE_NUMBERS = "whole numbers above 64 bits in JSON were kept as text"
TWICE = "names that stand twice in one JSON object: the last value was taken"
DIGITS = bytes(0x30 if 0x30 <= byte < 0x3A else byte if byte == 0x2D else 0x20 for byte in range(256))  # all of them 0
LARGE, LARGE_NEGATIVE = b"0" * 20, b"-" + b"0" * 19  # in so many digits
DIGITS_64_BITS, MIN_64_BITS, MAX_64_BITS = 20, -(1 << 63), (1 << 64) - 1


def has_large_number(line: bytes) -> bool:
    """Whether it may hold a whole number that 64 bits do not."""
    digits = line.translate(DIGITS)  # twenty times as fast as a regular expression
    return LARGE in digits or LARGE_NEGATIVE in digits


def names_twice(line: bytes, names: tuple[str, ...]) -> bool:
    """Whether one of the names may stand twice in one object."""
    return any(line.count(f'"{name}"'.encode()) > 1 for name in names)


def lenient_value(text: str) -> tuple[Any, Mapping[str, int]] | None:
    """The value, and what was changed in it; None where it is no JSON for Python's `json` either."""
    constants, large, twice = list[str](), list[str](), list[int]()

    def finite(number: str) -> float | None:
        return constants.append(number) if math.isinf(float(number)) else float(number)

    def whole_number(digits: str) -> int | str:
        if len(digits) <= DIGITS_64_BITS and MIN_64_BITS <= int(digits) <= MAX_64_BITS:
            return int(digits)
        large.append(digits)
        return digits

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        twice.append(len(pairs) - len(record))
        return record

    try:
        value = json.loads(
            text,
            strict=False,
            parse_constant=constants.append,
            parse_float=finite,
            parse_int=whole_number,
            object_pairs_hook=unique,
        )
        plain = json.dumps(value, ensure_ascii=False)
        whole = plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        value = orjson.loads(whole)
    except (ValueError, RecursionError):
        return None
    halves = whole.count("\ufffd") - plain.count("\ufffd")
    repairs = {NOT_A_NUMBER: len(constants), LONE_SURROGATES: halves, LARGE_NUMBERS: len(large), TWICE: sum(twice)}
    return value, {what: count for what, count in repairs.items() if count}
