"""Prompts for an arena from a file: JSON lines with `prompt` or `messages` (questions too), else one prompt a line."""

import json
from pathlib import Path
from typing import Any

from tasks.errors import UsageError
from tasks.feedback.entry import Asked

ROLES = ("system", "user", "assistant")
CURE = 'one {"prompt": "…"} or {"messages": […]} a line in a .jsonl file, or one prompt a line in any other'


def read_prompts(path: Path) -> list[tuple[Asked, ...]]:
    """The conversations, each ending with the user's turn; UsageError that names the line which is none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: {error}", "save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"--prompts {path}: {error.strerror}", "give a file of prompts") from error
    filled = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise UsageError(f"--prompts {path}: it is empty", CURE)
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        return [(Asked("user", line),) for _, line in filled]
    return [_conversation(path, number, line) for number, line in filled]


def _conversation(path: Path, number: int, line: str) -> tuple[Asked, ...]:
    try:
        record: Any = json.loads(line)
        messages = record["messages"] if "prompt" not in record else [{"role": "user", "content": record["prompt"]}]
        turns = tuple(Asked(message["role"], message["content"]) for message in messages)
        "".join(turn.content for turn in turns).encode()
        if not turns or turns[-1].role != "user" or not turns[-1].content.strip():
            raise ValueError("it does not end with a text of the user's")
        if wrong := next((turn.role for turn in turns if turn.role not in ROLES), None):
            raise ValueError(f"role {wrong!r} is none of {', '.join(ROLES)}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}:{number}: no prompt: {type(error).__name__}: {error}", CURE) from error
    return turns
