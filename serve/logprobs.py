"""Log-probabilities in OpenAI's two formats: a chat's, and that of texts, which lm-eval reads."""

from collections.abc import Callable, Sequence
from typing import Any

from serve.engine import TokenScore

BytesOf = Callable[[int], bytes]


def chat_logprobs(scores: Sequence[TokenScore], bytes_of: BytesOf, offset: int = 0) -> dict[str, Any]:
    """{"content": [{"token", "logprob", "bytes", "top_logprobs"}]}"""

    def entry(id: int, logprob: float | None) -> dict[str, Any]:
        data = bytes_of(id)
        return {"token": _spelling(data), "logprob": logprob, "bytes": list(data)}

    rows = [
        entry(score.id, score.logprob) | {"top_logprobs": [entry(*one) for one in score.likeliest]} for score in scores
    ]
    return {"content": rows, "refusal": None}


def text_logprobs(scores: Sequence[TokenScore], bytes_of: BytesOf, offset: int = 0) -> dict[str, Any]:
    """{"tokens", "token_logprobs", "top_logprobs", "text_offset"}; the first of a text has no probability."""
    tokens, offsets, data = list[str](), list[int](), b""
    for score in scores:
        offsets.append(offset + len(data.decode(errors="ignore")))
        own = bytes_of(score.id)
        tokens.append(_spelling(own))
        data += own
    likeliest = [  # of two that are spelled alike, the likelier one
        {_spelling(bytes_of(id)): logprob for id, logprob in reversed(score.likeliest)} for score in scores
    ]
    return {
        "tokens": tokens,
        "token_logprobs": [score.logprob for score in scores],
        "top_logprobs": [
            row if score.logprob is not None else None for row, score in zip(likeliest, scores, strict=True)
        ],
        "text_offset": offsets,
    }


def _spelling(data: bytes) -> str:
    """As OpenAI spells a token: its text, or its bytes where it is a part of a character."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)
