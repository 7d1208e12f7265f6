"""One request to a model elsewhere: sent again where that helps, given up where it does not, its answer checked."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from tasks.endpoints.address import LOOPBACK, EndpointAddress
from tasks.errors import UsageError, UserError
from tasks.progress import say

MAX_RESPONSE_BYTES = 8 * 2**20
MAX_SHOWN = 300  # characters of a server's message
TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds
OF_THE_REQUEST = {400, 413, 422}  # the server is well, and refuses this one request
REPLACED = {"max_tokens": "max_completion_tokens", "temperature": None}  # where a model takes them no longer
NO_MORE_MONEY = "insufficient_quota"
Result = TypeVar("Result")


@dataclass(frozen=True)
class ChatRequest:
    """What is sent, but for the key: two equal requests to one address are answered once."""

    model: str
    messages: Sequence[Mapping[str, str]]  # {"role", "content"}
    max_tokens: int
    temperature: float = 0.0


@dataclass(frozen=True)
class Reply:
    """`failure`: why the server refuses this request; then there is no text."""

    text: str
    prompt_tokens: int | None = None  # None: the server does not count them
    answer_tokens: int | None = None
    is_cut: bool = False  # at max_tokens
    failure: str = ""


class ChatClient:
    """A client of one address; `seconds` are those of one try, from its first byte to the last of the response."""

    def __init__(self, address: EndpointAddress, seconds: float = 120.0, first_wait: float = FIRST_WAIT) -> None:
        self.address, self._seconds, self._first_wait = address, seconds, first_wait
        self._key = address.key
        self._changed = dict[str, str | None]()  # fields that this model takes under another name, or not at all
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        is_near = urlsplit(address.url).hostname in LOOPBACK  # no proxy leads there
        self._client = httpx.AsyncClient(headers=headers, timeout=seconds, trust_env=not is_near)

    async def close(self) -> None:
        await self._client.aclose()

    async def only_model(self) -> str:
        """The name of the model that is there; UsageError where there are several, or none."""
        content = await self._with_tries(lambda: self._request("GET", "/models", None))
        rows = content.get("data")
        names = [row["id"] for row in rows if isinstance(row, dict) and "id" in row] if isinstance(rows, list) else []
        if len(names) != 1 or not isinstance(names[0], str):
            shown = ", ".join(self._clean(name) for name in names[:10]) or "none"
            raise UsageError(f"{self.address} does not say which model; there is {shown}", "add #MODEL to the address")
        return names[0]

    async def answer(self, request: ChatRequest) -> Reply:
        """UserError where the server cannot be used, or stays broken."""
        return await self._with_tries(lambda: self._answer_once(asdict(request)))

    async def _answer_once(self, body: Mapping[str, Any]) -> Reply:
        try:
            return _reply(await self._request("POST", "/chat/completions", self._in_its_words(body)))
        except _Refused as refused:
            field = next((name for name in REPLACED if name not in self._changed and refused.is_about(name)), None)
            if field is None:
                return Reply("", failure=str(refused))
            self._changed[field] = REPLACED[field]
            say(f"{self.address} takes no {field}: {REPLACED[field] or 'a value of its own'} takes its place")
            return await self._answer_once(body)

    def _in_its_words(self, body: Mapping[str, Any]) -> dict[str, Any]:
        named = ((self._changed.get(name, name), value) for name, value in body.items())
        return {name: value for name, value in named if name}

    async def _with_tries(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """What it gives at last; waits between tries double, with chance in them, unless the server names its own."""
        for number in range(TRIES):
            try:
                return await attempt()
            except _Transient as error:
                if number == TRIES - 1:
                    cure = "run again later: answers that came are kept"
                    raise UserError(f"{self.address} {error}; so it was {TRIES} times", cure) from error
                wait = self._first_wait * 2**number * random.uniform(0.5, 1.5)
                await asyncio.sleep(min(LONGEST_WAIT, wait if error.after is None else error.after))
        raise AssertionError("the last try returns or raises")

    async def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """The JSON object of a good response."""
        content = bytearray()
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream(method, self.address.url + path, json=body) as response,
            ):
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MAX_RESPONSE_BYTES:
                        raise _Transient(f"sent more than {MAX_RESPONSE_BYTES:,} bytes")
        except TimeoutError as error:
            raise _Transient(f"gave no whole response within {self._seconds:g} s") from error
        except httpx.HTTPError as error:
            raise _Transient(f"cannot be reached ({type(error).__name__})") from error
        value = _parse(bytes(content))
        if not response.is_success:
            self._raise_for(response, value)
        if not isinstance(value, dict):
            raise _Transient("answered with what is no JSON object")
        return value

    def _raise_for(self, response: httpx.Response, value: Any) -> None:
        status, (message, code) = response.status_code, _error_in(value)
        message = self._clean(message)
        if status in {401, 403}:
            what = f"{self.address} {'refuses the key' if self._key else 'asks for a key'} ({status})"
            raise UserError(f"{what}: {message}", f"set {self.address.key_name} to a key of this host")
        if status == 404:
            raise UsageError(f"{self.address}: no such model or path (404): {message}", "check the address, URL#MODEL")
        if response.is_redirect:
            raise UsageError(f"{self.address} redirects elsewhere ({status})", "give the address that it leads to")
        if code == NO_MORE_MONEY or status == 402:
            raise UserError(f"{self.address}: the account has no credit: {message}", "add credit, then run again")
        if status in OF_THE_REQUEST:
            raise _Refused(f"{status}: {message}")
        raise _Transient(f"answered {status}: {message}", _retry_after(response))

    def _clean(self, text: object) -> str:
        """A server's words as they may be shown: in one line, short, without our key."""
        words = " ".join(str(text).split())
        printable = "".join(sign for sign in words if sign.isprintable())
        return (printable.replace(self._key, "…") if self._key else printable)[:MAX_SHOWN]


class _Transient(Exception):
    """The request may succeed if it is sent again, after so many seconds where the server names them."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class _Refused(Exception):
    def is_about(self, field: str) -> bool:
        """Whether the message names that field: there is no field of it that all servers fill in."""
        return field in str(self)


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _error_in(value: Any) -> tuple[str, str]:
    """Message and code of an error's body, in OpenAI's form or any other."""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return str(error or "without a reason"), ""
    return str(error.get("message") or error.get("detail") or error), str(error.get("code") or "")


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds; None where the header is missing, or a date."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return None


def _reply(value: Mapping[str, Any]) -> Reply:
    """The answer in a response; what is not in OpenAI's form counts as a failure of the server's."""
    try:
        choice = value["choices"][0]
        content = choice["message"].get("content")
        usage = value.get("usage") or {}
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _Transient("answered without a message") from error
    if content is not None and not isinstance(content, str):
        raise _Transient("answered with a message that is no text")
    prompt, answer = (count if isinstance(count, int) and count >= 0 else None for count in counts)
    text = (content or "").encode(errors="replace").decode()  # half a surrogate pair is no text
    return Reply(text, prompt, answer, is_cut=choice.get("finish_reason") == "length")
