"""Response bodies in OpenAI's format, whole or as the chunks of a stream."""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError

DONE = "data: [DONE]\n\n"
KINDS = {"chat": ("chatcmpl", "chat.completion"), "text": ("cmpl", "text_completion")}


@dataclass(frozen=True)
class Piece:
    """Some more text; the last piece says why it is the last, and what all of it has cost."""

    text: str
    reason: Literal["stop", "length"] | None = None  # length: max_tokens, or the server's own limit of time
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def usage(self) -> dict[str, int]:
        total = self.prompt_tokens + self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": total,
        }


@dataclass(frozen=True)
class ResponseBuilder:
    """Builds the objects of one response, which share id, time and model."""

    kind: Literal["chat", "text"]
    served: LoadedVersion
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, last: Piece) -> dict[str, Any]:
        content = {"message": {"role": "assistant", "content": text}} if self.kind == "chat" else {"text": text}
        return self._object("", self._choice(content, last.reason)) | {"usage": last.usage}

    def opening(self) -> str:
        """A chat's first chunk names the role; a text has none."""
        return self._event(self._choice({"delta": {"role": "assistant", "content": ""}})) if self.kind == "chat" else ""

    def chunk(self, piece: Piece) -> str:
        delta = {"content": piece.text} if piece.text else {}
        content = {"delta": delta} if self.kind == "chat" else {"text": piece.text}
        return self._event(self._choice(content, piece.reason))

    def usage(self, last: Piece) -> str:
        return self._event(usage=last.usage)

    def _choice(self, content: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {"index": 0, **content, "logprobs": None, "finish_reason": reason}

    def _object(self, ending: str, *choices: dict[str, Any]) -> dict[str, Any]:
        prefix, name = KINDS[self.kind]
        return {
            "id": f"{prefix}-{self.id}",
            "object": name + (ending if self.kind == "chat" else ""),
            "created": self.created,
            "model": self.served.name,
            "system_fingerprint": self.served.fingerprint or None,
            "choices": list(choices),
        }

    def _event(self, *choices: dict[str, Any], **more: Any) -> str:
        return event(self._object(".chunk", *choices) | more)


def error_event(error: ApiError) -> str:
    """The last event of a stream that fails."""
    return event(error.body)


def event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
