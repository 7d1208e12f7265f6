"""Conversations as records have them, and their text without names and times.

[{"role": "user", "content": "…"}, …]      chat formats of model trainers; `content` may be a list of parts
[{"from": "human", "value": "…"}, …]       ShareGPT
[{"from": "Anna", "text": ["…", {…}]}, …]  exports of messengers
{"a1": {"message": {"content": …}}, …}     a tree of messages by id
"""

from typing import Any

FIELDS = ("messages", "conversations", "conversation", "chat_messages", "mapping")  # where records have them
CONTENT = ("content", "text", "value", "parts")  # fields of a message
MAX_DEPTH = 4  # of parts within a message's content


def joined(value: Any) -> Any:
    """The messages as one text, with a blank line between them; any other value unchanged."""
    messages = _messages(value)
    if messages is None:
        return value
    return "\n\n".join(filter(str.strip, map(_text, messages)))


def is_conversation(value: Any) -> bool:
    return _messages(value) is not None


def is_finetuning_row(value: Any) -> bool:
    """Whether each message names its speaker, and the last one is by an assistant."""
    if not isinstance(value, list) or len(value) < 2:
        return False
    turns = [_turn(message) for message in value]
    return all(turns) and turns[-1] in ("assistant", "gpt")


def _turn(message: Any) -> str | None:
    """The speaker of a message; None where the speaker or the content is no string."""
    for role, content in (("role", "content"), ("from", "value")):
        if isinstance(message, dict) and isinstance(message.get(role), str) and isinstance(message.get(content), str):
            return message[role]
    return None


def _messages(value: Any) -> list[dict[str, Any]] | None:
    if isinstance(value, dict):
        nodes = value.values()
        if not nodes or not all(isinstance(node, dict) and "message" in node for node in nodes):
            return None
        value = [node["message"] for node in nodes if node["message"] is not None]
    if not isinstance(value, list) or not all(isinstance(message, dict) for message in value):
        return None
    return value if any(name in message for message in value for name in CONTENT) else None


def _text(part: Any, depth: int = 0) -> str:
    if isinstance(part, str) or depth > MAX_DEPTH:
        return part if isinstance(part, str) else ""
    if isinstance(part, list):
        return "".join(_text(inner, depth + 1) for inner in part)
    if isinstance(part, dict):
        return next((_text(part[name], depth + 1) for name in CONTENT if part.get(name)), "")
    return ""
