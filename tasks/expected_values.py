"""What was expected in place of a value that pydantic refuses, in the words of a person who writes settings."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from tasks.readable_numbers import plain_number

WHOLE, NUMBER, TRUTH, TEXT = "a whole number", "a number", "true or false", "a text"
TABLE, LIST = "a table of settings", "a list in brackets"
NOUNS = {  # by the type of pydantic's error; those that its `ctx` completes are below
    "int_type": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": WHOLE,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "a number that is not infinite",
    "bool_type": TRUTH,
    "bool_parsing": TRUTH,
    "string_type": TEXT,
    "string_sub_type": TEXT,
    "string_unicode": TEXT,
    "bytes_type": TEXT,
    "path_type": "a path",
    "none_required": "no value",
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"), TABLE),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type", "iterable_type"), LIST),
}
BOUNDS = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "a number below {lt}",
    "less_than_equal": "{le} or less",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
    "string_too_short": "a text of {min_length} characters or more",
    "string_too_long": "a text of {max_length} characters or fewer",
    "string_pattern_mismatch": "a text of the form {pattern}",
    "union_tag_not_found": "{discriminator} beside the others",
}
CHOICE = re.compile(r"'([^']*)'")
PREFIX = re.compile(r"(Value error, |Assertion failed, |Input should be (a valid )?)")


def expectation(error: Mapping[str, Any]) -> str:
    """`a whole number`, `1 or more`, `one of 'gpt2' or 'llama'`; "" where the message is a sentence of its own."""
    kind, values = error["type"], error.get("ctx", {})
    if kind in NOUNS:
        return NOUNS[kind]
    if kind in BOUNDS:
        return BOUNDS[kind].format(**{name: _plain(value) for name, value in values.items()})
    if kind in ("literal_error", "enum"):
        return _one_of(str(values["expected"]))
    if kind == "union_tag_invalid":
        return f"for {values['discriminator']} " + _one_of(values["expected_tags"])
    message = str(error["msg"])
    is_sentence = kind in ("value_error", "assertion_error") or not message.startswith("Input should be")
    return "" if is_sentence else PREFIX.sub("", message)


def mistake_in_words(error: Mapping[str, Any]) -> str:
    """`a whole number is expected`, or the sentence of a check of our own."""
    expected = expectation(error)
    if not expected:
        return PREFIX.sub("", str(error["msg"]))
    given = error.get("ctx", {}).get("tag", error.get("input"))
    near = get_close_matches(str(given), CHOICE.findall(expected), n=1)
    return f"{expected} is expected" + (f"; did you mean {near[0]!r}?" if near else "")


def _one_of(choices: str) -> str:
    return f"one of {choices}" if len(CHOICE.findall(choices)) > 1 else choices


def _plain(value: Any) -> str:
    return plain_number(value) if isinstance(value, int | float) else str(value)
