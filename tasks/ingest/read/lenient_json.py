"""JSON as Python's `json` writes and reads it: with NaN, lone surrogates, and control characters in strings."""

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

NOT_A_NUMBER = "NaN and infinities in JSON became null"
LONE_SURROGATES = "halves of characters (lone surrogates) became U+FFFD"


def lenient_value(text: str) -> tuple[Any, Mapping[str, int]] | None:
    """The value, and what was changed in it; None where it is no JSON for Python's `json` either."""
    constants = list[str]()

    def finite(number: str) -> float | None:
        return constants.append(number) if math.isinf(float(number)) else float(number)

    try:
        value = json.loads(text, strict=False, parse_constant=constants.append, parse_float=finite)
        plain = json.dumps(value, ensure_ascii=False)
        whole = plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        value = orjson.loads(whole)
    except (ValueError, RecursionError):
        return None
    halves = whole.count("\ufffd") - plain.count("\ufffd")
    repairs = {NOT_A_NUMBER: len(constants), LONE_SURROGATES: halves}
    return value, {what: count for what, count in repairs.items() if count}
