"""Settings as lines of TOML, each with its reason beside it."""

import json
from typing import Any


def put(key: str, value: Any, why: str = "") -> str:
    """`key = value  # why`"""
    return f"{key} = {toml(value)}" + (f"  # {line(why)}" if why else "")


def toml(value: Any) -> str:
    """The value as TOML: as JSON except for tables, and for DEL, which JSON does not escape."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(inner)}" for name, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def line(text: str) -> str:
    """The text as one line without control characters, as a comment needs it."""
    return "".join(c if c.isprintable() else " " for c in text)
