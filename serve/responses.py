"""Response bodies in OpenAI's format, whole or as the chunks of a stream."""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError
from serve.engine import TokenScore
from serve.logprobs import chat_logprobs, text_logprobs

DONE = "data: [DONE]\n\n"
KINDS = {"chat": ("chatcmpl", "chat.completion"), "text": ("cmpl", "text_completion")}


@dataclass(frozen=True)
class Piece:
    """Some more of one text; its last piece says why it is the last, and what all of it has cost."""

    text: str
    reason: Literal["stop", "length"] | None = None  # length: max_tokens, or the server's own limit of time
    prompt_tokens: int = 0
    completion_tokens: int = 0
    scores: tuple[TokenScore, ...] = ()
    index: int = 0  # of the text


@dataclass(frozen=True)
class ResponseBuilder:
    """Builds the objects of one response, which share id, time and model."""

    kind: Literal["chat", "text"]
    served: LoadedVersion
    choices_per_prompt: int = 1
    with_scores: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        by_index = dict[int, list[Piece]]()
        for piece in pieces:
            by_index.setdefault(piece.index, []).append(piece)
        choices = [self._whole_choice(by_index[index]) for index in sorted(by_index)]
        return self._object("", *choices) | {"usage": self.usage(pieces)}

    def opening(self, choices: int) -> str:
        """A chat's first chunk names the role; a text has none."""
        if self.kind == "text":
            return ""
        delta = {"delta": {"role": "assistant", "content": ""}}
        return "".join(self._event(self._choice(delta, Piece("", index=index))) for index in range(choices))

    def chunk(self, piece: Piece, offset: int) -> str:
        """`offset`: characters of its text before it."""
        delta = {"content": piece.text} if piece.text else {}
        content = {"delta": delta} if self.kind == "chat" else {"text": piece.text}
        return self._event(self._choice(content, piece, offset))

    def usage_chunk(self, pieces: Sequence[Piece]) -> str:
        return self._event(usage=self.usage(pieces))

    def usage(self, pieces: Sequence[Piece]) -> dict[str, int]:
        """A prompt counts once, however many texts follow it."""
        last = [piece for piece in pieces if piece.reason]
        prompt = sum(piece.prompt_tokens for piece in last if piece.index % self.choices_per_prompt == 0)
        made = sum(piece.completion_tokens for piece in last)
        return {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}

    def _whole_choice(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        text = "".join(piece.text for piece in pieces)
        content = {"message": {"role": "assistant", "content": text}} if self.kind == "chat" else {"text": text}
        scores = tuple(score for piece in pieces for score in piece.scores)
        return self._choice(content, replace(pieces[-1], scores=scores))

    def _choice(self, content: dict[str, Any], piece: Piece, offset: int = 0) -> dict[str, Any]:
        logprobs = None
        if self.with_scores:
            form = chat_logprobs if self.kind == "chat" else text_logprobs
            logprobs = form(piece.scores, self._bytes_of, offset)
        return {"index": piece.index, **content, "logprobs": logprobs, "finish_reason": piece.reason}

    def _bytes_of(self, id: int) -> bytes:
        return self.served.prompt_builder.vocabulary.decode_bytes([id], continues=True)

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
