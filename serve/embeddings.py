"""Embeddings of texts, by llama.cpp: the mean of the last hidden states of a text's tokens, of length 1."""

import base64
import struct
from collections.abc import Sequence
from typing import Any, cast

from starlette.responses import JSONResponse, Response

from serve.alias_follower import LoadedVersion
from serve.api_error import ApiError
from serve.engine import EngineError
from serve.generation import Generations
from serve.llama_child import EMBEDDING_TOKENS
from serve.llama_cpp import LlamaCppEngine
from serve.requests import EmbeddingRequest
from tasks.progress import say


async def embedded(
    body: EmbeddingRequest, texts: Sequence[Sequence[int]], served: LoadedVersion, generations: Generations
) -> Response:
    """The response in OpenAI's format; ApiError where a text has no token, or more than are read in one piece."""
    most = min(EMBEDDING_TOKENS, served.engine.context)
    if wrong := next((ids for ids in texts if not 1 <= len(ids) <= most), None):
        message = f"input: a text has {len(wrong)} tokens; from 1 to {most} are taken"
        raise ApiError(400, message, "invalid_request", "input")
    async with generations.slots.slot():
        try:
            vectors = await cast(LlamaCppEngine, served.engine).embed(texts)
        except EngineError as error:
            say(f"{served.name}: {error}")
            raise ApiError(503, "the engine failed; the server's log says why", "engine_failed") from error
    tokens = sum(map(len, texts))
    generations.metrics.count_tokens(served.name, tokens, 0)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, body.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": served.name, "usage": usage})


def _encoded(vector: list[float], encoding: str) -> Any:
    """As it is, or as OpenAI's client asks for it: base64 of float32 numbers, little-endian."""
    return vector if encoding == "float" else base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
