"""llama.cpp as an engine: prompts go to it as ids, answers come back as ids with the text of whole characters."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from anyio import to_thread

from serve.cells import Cells
from serve.decoder_engine import DecoderEngine
from serve.engine import LLAMA_CPP, EngineError, Generated, ModelFiles, Sampling, TokenScore
from serve.llama_process import LlamaProcess
from tasks.limits import usable_cores
from tasks.progress import say

SLOTS = 16
MIN_TEMPERATURE = 1e-4  # below it the likeliest token is taken, as model/generate.py does
TOKENS_DRAWN_FROM = 1000  # the likeliest; sorting a whole vocabulary costs a tenth of a small model's speed
SEEDS = 2**32 - 1  # llama.cpp takes so many, and the one above means a random one
TIMEOUT = httpx.Timeout(None, connect=10.0)  # how long an answer takes is limited by who wants it
FORCED = 1e4  # a bias that makes a token certain
COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}  # of JSON, to llguidance
CAN = frozenset({"response_format", "logprobs", "logit_bias", "min_p", "embeddings"})
CAN |= {"frequency_penalty", "presence_penalty"}


@dataclass(frozen=True)
class Gguf:
    """A file for llama.cpp."""

    file: Path
    precision: str  # of most of its weights
    rows: int  # of its embedding, which may be more than there are tokens
    knows_tools: bool  # its chat template writes tools


@dataclass(frozen=True)
class CellPlan:
    """How the keys and values of all slots are held."""

    context: int  # tokens of one text at most
    cells: int  # tokens of all texts
    slots: int
    shared: bool  # slots share the cells; else each has its own `context` of them


def plan_memory(context: int, bytes_per_token: int, slots: int, budget: int) -> CellPlan:
    """A whole context for each slot where the budget in bytes holds that; else what it holds, shared by all."""
    held = budget // bytes_per_token
    if held >= slots * context:
        return CellPlan(context, slots * context, slots, shared=False)
    cells = max(held, min(context, 512))
    return CellPlan(min(context, cells), cells, slots, shared=True)


class LlamaCppEngine:
    """A GGUF file in a process of its own; one that has ended is started again for the next request."""

    name = LLAMA_CPP

    def __init__(self, gguf: Gguf, files: ModelFiles, memory: CellPlan) -> None:
        """EngineError where llama.cpp cannot load it."""
        vocabulary = files.vocabulary
        self.precision, self.slots = gguf.precision, memory.slots
        self.can = CAN | ({"tools"} if gguf.knows_tools else frozenset[str]())
        self._files, self._vocabulary, self._memory = files, vocabulary, memory
        self._rows, self._never = gguf.rows, vocabulary.ids_without_token(gguf.rows)
        self._spec = asdict(memory) | {"file": str(gguf.file), "threads": usable_cores()}
        self._process = LlamaProcess(self._spec)
        self._client = _client(self._process)
        self._restart, self._loading = asyncio.Lock(), asyncio.Lock()
        self._decoder: DecoderEngine | None = None
        self._cells = Cells(memory.cells)
        self._schemas: set[str] = set()  # that llama.cpp can keep to

    @property
    def context(self) -> int:
        return self._memory.context

    @property
    def is_ready(self) -> bool:
        return self._process.is_running

    @property
    def pid(self) -> int:
        return self._process.pid

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> AsyncGenerator[Generated]:
        body = self._body(prompt, sampling)
        async with self._cells.taken(len(prompt) + sampling.max_tokens), self._at_work() as client:
            if sampling.logprobs is None:
                made, begins = 0, not sampling.continues
                async with client.stream("POST", "/completion", json=body) as response:
                    async for event in _events(response):
                        part, made = _part(event, made, sampling.stop)
                        yield self._begun(part, event["tokens"]) if begins else part
                        begins = False
                        if part.is_end:
                            return
            else:
                for part in await self._scored(client, body, sampling):
                    yield part

    async def score(self, ids: Sequence[int], likeliest: int) -> list[TokenScore]:
        """By the decoder on the weights as they were trained: llama.cpp's server scores no text that it is given."""
        async with self._loading:
            if self._decoder is None:
                say("texts are scored by the decoder in float32, which llama.cpp cannot")
                self._decoder = await to_thread.run_sync(DecoderEngine, self._files)
        return await self._decoder.score(ids, likeliest)

    async def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """A vector of length 1 for each text: the mean of the last hidden states of its tokens."""
        async with self._at_work() as client:
            answer = await _json(client, "/v1/embeddings", {"input": [list(ids) for ids in texts]})
        return [row["embedding"] for row in sorted(answer["data"], key=lambda row: row["index"])]

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """llama.cpp's own chat endpoint, which knows how the model's template writes tools: its events."""
        async with self._at_work() as client:
            if not body.get("stream"):
                yield await _json(client, "/v1/chat/completions", body)
                return
            async with client.stream("POST", "/v1/chat/completions", json=body) as response:
                async for event in _events(response):
                    yield event

    async def keeps_to(self, json_schema: str) -> bool:
        """Whether it can make JSON of that schema: one that it cannot read, llama.cpp leaves out and says nothing.

        So a token that begins no JSON is asked for with all weight: where it comes, nothing keeps it out.
        """
        if json_schema not in self._schemas:
            bare = self._bare_letter
            body = {"prompt": [bare], "n_predict": 1, "return_tokens": True, "temperature": 0, "cache_prompt": False}
            body |= {"logit_bias": [[bare, FORCED]], "json_schema": _compact(json_schema)}
            async with self._at_work() as client:
                if (await _json(client, "/completion", body))["tokens"] == [bare]:
                    return False
            self._schemas.add(json_schema)
        return True

    def _body(self, prompt: Sequence[int], sampling: Sampling) -> dict[str, Any]:
        samplers, body = ["top_k", "temperature", "top_p"], dict[str, Any]()
        if sampling.temperature < MIN_TEMPERATURE:
            samplers, body["top_k"] = ["top_k"], 1
        elif sampling.min_p:
            samplers, body["min_p"] = [*samplers, "min_p"], sampling.min_p
        if sampling.frequency_penalty or sampling.presence_penalty:
            samplers = ["penalties", *samplers]
            penalties = {"frequency_penalty": sampling.frequency_penalty, "presence_penalty": sampling.presence_penalty}
            body |= penalties | {"repeat_last_n": self.context}
        if bias := [*sampling.logit_bias.items(), *((id, False) for id in self._never)]:
            body["logit_bias"] = [list(one) for one in bias]
        if sampling.json_schema:
            body["json_schema"] = _compact(sampling.json_schema)
        common = {
            "prompt": list(prompt),
            "n_predict": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_k": TOKENS_DRAWN_FROM,
            "top_p": sampling.top_p,
            "seed": sampling.seed % SEEDS,
            "samplers": samplers,
            "stream": sampling.logprobs is None,
            "return_tokens": True,
        }
        return common | body

    async def _scored(self, client: httpx.AsyncClient, body: dict[str, Any], sampling: Sampling) -> list[Generated]:
        """The whole answer with a score for each token.

        llama.cpp scores whole characters only: a token that is a part of one is scored by a request of its own.
        """
        top = max(1, sampling.logprobs or 0)
        answer = await _json(client, "/completion", body | {"n_probs": top})
        rows = iter(answer["completion_probabilities"])
        parts, written = list[Generated](), b""
        for at, id in enumerate(answer["tokens"]):
            if id in sampling.stop:
                return [*parts, Generated(b"", 1, is_end=True)]
            data = self._vocabulary.decode_bytes([id], sampling.continues or at > 0)
            written += data
            row = next(rows, None) if _is_whole(written) else None
            if row is None or row["id"] != id:
                row = await self._row_of(client, [*body["prompt"], *answer["tokens"][:at]], id)
            likeliest = tuple((one["id"], one["logprob"]) for one in row["top_logprobs"][: sampling.logprobs or 0])
            parts.append(Generated(data, 1, scores=(TokenScore(id, row["logprob"], likeliest),)))
        if answer["stop_type"] == "eos":
            parts.append(Generated(b"", answer["tokens_predicted"] - len(parts), is_end=True))
        return parts

    async def _row_of(self, client: httpx.AsyncClient, before: list[int], id: int) -> dict[str, Any]:
        body = {"prompt": before, "n_predict": 1, "n_probs": self._rows, "temperature": 0}
        body["logit_bias"] = [[self._bare_letter, FORCED]]  # a whole character, so that there is a row
        (row,) = (await _json(client, "/completion", body))["completion_probabilities"]
        likeliest = row["top_logprobs"]
        return next(one for one in likeliest if one["id"] == id) | {"top_logprobs": likeliest}

    def _begun(self, part: Generated, ids: Sequence[int]) -> Generated:
        """The first part of a text that begins anew: without the space that some tokenizers put before a text."""
        begins, continues = (self._vocabulary.decode_bytes(ids[:1], continues) for continues in (False, True))
        return part if begins == continues else replace(part, data=part.data.removeprefix(b" "))

    @cached_property
    def _bare_letter(self) -> int:
        """A token that no JSON begins with, of one whole character."""
        return self._vocabulary.token_bytes.index(b"z")

    @asynccontextmanager
    async def _at_work(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the process, which is started again first where it has ended; EngineError where it fails."""
        async with self._restart:
            if not self._process.is_running:
                say(f"llama.cpp has ended ({self._process.last_words}); it is started again")
                self._process = await to_thread.run_sync(LlamaProcess, self._spec)
                self._client = _client(self._process)
        try:
            yield self._client
        except httpx.HTTPError as error:
            has_ended = await to_thread.run_sync(self._process.ends_soon)
            ended = f"; it has ended: {self._process.last_words}" if has_ended else ""
            raise EngineError(f"llama.cpp failed: {error or type(error).__name__}{ended}") from error


def _client(process: LlamaProcess) -> httpx.AsyncClient:
    one_use = httpx.Limits(max_connections=None, max_keepalive_connections=0)  # so that none is found closed
    transport = httpx.AsyncHTTPTransport(uds=str(process.socket), limits=one_use)
    return httpx.AsyncClient(transport=transport, base_url="http://llama.cpp", timeout=TIMEOUT)


async def _json(client: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    response = await client.post(path, json=dict(body))
    if response.is_error:
        raise EngineError(_message(response.content))
    return response.json()


async def _events(response: httpx.Response) -> AsyncGenerator[dict[str, Any]]:
    """The events of a stream; EngineError where one of them, or the response as a whole, is an error."""
    if response.is_error:
        raise EngineError(_message(await response.aread()))
    async for line in response.aiter_lines():
        kind, _, data = line.partition(": ")
        if kind == "error" or data.startswith('{"error"'):
            raise EngineError(_message(data.encode()))
        if kind == "data" and data != "[DONE]":
            yield json.loads(data)


def _message(body: bytes) -> str:
    try:
        content = json.loads(body)
        return "llama.cpp: " + str(content.get("error", content)["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"llama.cpp: {body[:200].decode(errors='replace')}"


def _part(event: dict[str, Any], made: int, ends: frozenset[int]) -> tuple[Generated, int]:
    """The part of the text in an event, and how many tokens have been made by then."""
    total = event["tokens_predicted"]
    is_end = event.get("stop_type") == "eos" or not ends.isdisjoint(event["tokens"])
    return Generated(b"" if is_end else event["content"].encode(), total - made, is_end), total


def _compact(json_schema: str) -> dict[str, Any]:
    """The schema for llguidance, which then leaves no freedom in white space."""
    return {"x-guidance": COMPACT} | json.loads(json_schema)


def _is_whole(data: bytes) -> bool:
    """Whether the bytes do not end inside a character."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:  # the first byte of a character
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return back >= length
    return True
