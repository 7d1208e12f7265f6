"""The shapes in which people write down conversations, read as messages; what would change their meaning is refused.

    {"prompt": …, "response": …}       also question, query or instruction; completion, answer or output
    … with "input" or "context"        follows the prompt after an empty line
    … with "system", "history"         the first turn, and earlier [question, answer] pairs
    {"messages": [{"role": …, "content": …}, …]} or {"conversations": [{"from": …, "value": …}, …]}

A prompt may be a list of messages, an answer one message. A message with "weight": 0 (or "train": false) is read and
not learned. These are the forms of OpenAI, TRL, LLaMA-Factory (Alpaca, ShareGPT), axolotl and Dolly.
"""

import json
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
Message = dict[str, Any]  # role, content, is_target
PROMPTS = ("instruction", "prompt", "question", "query", "input")
ANSWERS = ("response", "completion", "answer", "output")
GIVEN = ("input", "context")  # beside a prompt: what it is about
TURNS = ("messages", "conversations")
ROLES = {"system": "system", "developer": "system", "user": "user", "human": "user"}
ROLES |= dict.fromkeys(("assistant", "gpt", "model", "chatgpt", "bot"), "assistant")
TOOL_ROLES = ("tool", "function", "function_call", "observation", "ipython")
UNREAD = ("tools", "functions", "tool_calls", "function_call", "images", "image", "videos", "video", "audios", "audio")
SHAPES = "prompt + response, instruction (+ input) + output, question + answer, messages or conversations"


def pairs(answers: Sequence[str]) -> list[frozenset[str]]:
    """The fields by which records of a prompt and an answer are recognised."""
    return [frozenset({prompt, answer}) for prompt in PROMPTS for answer in answers]


def conversation(record: Row) -> Row:
    """One conversation that ends with the assistant: messages, and its prompt, response, kind and question as texts."""
    _refuse_unread(record)
    messages = _opening(record) + (_turns(record) if any(key in record for key in TURNS) else _pair(record))
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise ValueError("messages must end with the assistant's answer to something")
    if not any(message["is_target"] for message in messages):
        raise ValueError("no answer counts: each has the weight 0")
    *before, last = messages
    turns = [{"role": message["role"], "content": message["content"]} for message in before]
    return {"messages": messages, "response": last["content"], "kind": str(record.get("kind") or "own")} | {
        "prompt": "\n\n".join(message["content"] for message in before),
        "question": json.dumps(turns, ensure_ascii=False),
    }


def message(role: str, content: str, is_target: bool | None = None) -> Message:
    """One turn; an assistant's is learned."""
    return {"role": role, "content": content, "is_target": role == "assistant" if is_target is None else is_target}


def text_of(record: Row, key: str) -> str:
    """The record's text under that key; ValueError where there is none."""
    return _text(record.get(key), key)


def _text(value: Any, name: str) -> str:
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        if other := next((part.get("type") for part in value if part.get("type") != "text"), None):
            raise ValueError(f"{name} has a part of the type {other!r}: only text is learned here")
        value = "".join(str(part.get("text", "")) for part in value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"no {name!r}: a text that is not empty is expected, not {value!r:.60}")
    value.encode()  # half of a surrogate pair is a ValueError here, and no text anywhere else
    return value


def _refuse_unread(record: Row) -> None:
    if key := next((key for key in UNREAD if record.get(key)), None):
        raise ValueError(f"it has {key!r}: only turns of text are learned here, and they mean less without it")


def _opening(record: Row) -> list[Message]:
    """The turns that stand beside the others: what `system` says, and the pairs of `history`."""
    messages = [message("system", text_of(record, "system"))] if record.get("system") else []
    for pair in record.get("history") or []:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError("history is no list of [question, answer] pairs")
        messages += [message("user", _text(pair[0], "history")), message("assistant", _text(pair[1], "history"))]
    return messages


def _turns(record: Row) -> list[Message]:
    """Those of `messages` or `conversations`, and an answer beside them, where there is one."""
    name = next(key for key in TURNS if key in record)
    messages = _messages(record[name], name)
    answers = [key for key in ANSWERS if record.get(key) is not None]
    return messages + (_answer(record, answers) if answers else [])


def _pair(record: Row) -> list[Message]:
    prompts, answers = ([key for key in keys if record.get(key) is not None] for keys in (PROMPTS, ANSWERS))
    prompt = prompts[0] if prompts else None
    if prompt is None or not answers:
        keys = ", ".join(sorted(map(str, record))) or "none"
        lacks = "prompt" if prompt is None else "response"
        raise ValueError(f"no {lacks!r} and nothing like it: it has the keys {keys}; read are {SHAPES}")
    more = [key for key in prompts[1:] if key not in GIVEN]
    if more:
        raise ValueError(f"both {prompt!r} and {more[0]!r}: one of them must be the prompt")
    if isinstance(record[prompt], list) and not _is_parts(record[prompt]):
        return _messages(record[prompt], prompt) + _answer(record, answers)
    given = [str(record[key]) for key in GIVEN if key != prompt and str(record.get(key) or "").strip()]
    return [message("user", "\n\n".join([text_of(record, prompt), *given])), *_answer(record, answers)]


def _answer(record: Row, keys: list[str]) -> list[Message]:
    if len(keys) > 1:
        raise ValueError(f"both {keys[0]!r} and {keys[1]!r}: one of them must be the answer")
    value = record[keys[0]]
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list) and not _is_parts(value):
        return _messages(value, keys[0])
    return [message("assistant", _text(value, keys[0]))]


def _is_parts(value: list[Any]) -> bool:
    """Whether it is one content in parts, not a list of messages."""
    return all(isinstance(part, dict) and "type" in part and not {"role", "from"} & part.keys() for part in value)


def _messages(value: Any, name: str) -> list[Message]:
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        raise ValueError(f"{name} is no list of objects")
    return [_message(turn) for turn in value]


def _message(turn: Row) -> Message:
    """One turn, under the names of OpenAI or of ShareGPT."""
    _refuse_unread(turn)
    role_key, text_key = ("role", "content") if "role" in turn else ("from", "value")
    given = text_of(turn, role_key)
    if given in TOOL_ROLES:
        raise ValueError(f"a turn of {given!r}: turns of tools are not learned here")
    if given not in ROLES:
        raise ValueError(f"role {given!r} is none of system, user, assistant")
    counts = [turn[key] for key in ("weight", "train") if turn.get(key) is not None]
    if any(count not in (0, 1) for count in counts):
        raise ValueError(f"a weight of {counts[0]!r}: 0 and 1 are read")
    role = ROLES[given]
    return message(role, text_of(turn, text_key), role == "assistant" and all(counts))
