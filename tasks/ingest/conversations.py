"""Conversations as records hold them: what was said, without who said it and when.

[{"role": "user", "content": "…"}, …]      chat formats of model trainers; `content` may be a list of parts
[{"from": "human", "value": "…"}, …]       ShareGPT
[{"from": "Anna", "text": ["…", {…}]}, …]  exports of messengers
{"a1": {"message": {"content": …}}, …}     a tree of messages by id
"""

from typing import Any

FIELDS = ("messages", "conversations", "conversation", "chat_messages", "mapping")  # where records have them
SAID = ("content", "text", "value", "parts")
DEEPEST = 4  # a part of a message's content


def joined(value: Any) -> Any:
    """The messages as one text, a blank line between them; anything else as it is."""
    messages = _messages(value)
    if messages is None:
        return value
    return "\n\n".join(filter(str.strip, map(_said, messages)))


def is_conversation(value: Any) -> bool:
    return _messages(value) is not None


def is_finetuning_row(value: Any) -> bool:
    """Whether it is told who speaks, and an assistant has the last word."""
    if not isinstance(value, list) or len(value) < 2:
        return False
    turns = [_turn(message) for message in value]
    return all(turns) and turns[-1] in ("assistant", "gpt")


def _turn(message: Any) -> str | None:
    """Who speaks; None where that or what is said is no string."""
    for who, what in (("role", "content"), ("from", "value")):
        if isinstance(message, dict) and isinstance(message.get(who), str) and isinstance(message.get(what), str):
            return message[who]
    return None


def _messages(value: Any) -> list[dict[str, Any]] | None:
    if isinstance(value, dict):
        nodes = value.values()
        if not nodes or not all(isinstance(node, dict) and "message" in node for node in nodes):
            return None
        value = [node["message"] for node in nodes if node["message"] is not None]
    if not isinstance(value, list) or not all(isinstance(message, dict) for message in value):
        return None
    return value if any(name in message for message in value for name in SAID) else None


def _said(part: Any, depth: int = 0) -> str:
    if isinstance(part, str) or depth > DEEPEST:
        return part if isinstance(part, str) else ""
    if isinstance(part, list):
        return "".join(_said(one, depth + 1) for one in part)
    if isinstance(part, dict):
        return next((_said(part[name], depth + 1) for name in SAID if part.get(name)), "")
    return ""
