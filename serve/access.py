"""Access control: every path but the page's, /health and /ready requires a key where there are keys.

Below /admin and for /metrics it is one of scope admin.

Two things guard a server on loopback against the pages that a browser has open: only names of this machine are taken
as Host (a foreign name that was pointed at 127.0.0.1, DNS rebinding, is not), and a request that a page of another
origin has sent is refused.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.api_error import ApiError
from serve.keys import ADMIN, Keyring
from serve.limits import Limits, Rate
from serve.page_files import ARENA_PAGE, CHAT_PAGE
from tasks.errors import UserError
from tasks.progress import say

OPEN = frozenset({*CHAT_PAGE, *ARENA_PAGE, "/health", "/ready"})
ADMIN_PATHS = ("/admin/", "/metrics")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class AccessControl:
    """ASGI middleware: host, origin, key, rate, size of the body; then the app, whose every answer gets HEADERS."""

    def __init__(self, app: ASGIApp, host: str, keyring: Keyring, limits: Limits, names: Collection[str] = ()) -> None:
        """`names`: further names by which the server is reached, through a proxy or from a container."""
        self.app, self.keyring, self.limits = app, keyring, limits
        self.rate = Rate(limits.requests_per_minute, "requests")
        self._wrong_keys = Rate(limits.wrong_keys_per_minute, "wrong keys")
        own_name = socket.gethostname() if host in EVERYWHERE else host
        self._names = frozenset(name.lower() for name in names)
        self._hosts = LOOPBACK_NAMES | {own_name.lower()} | self._names
        self._takes_addresses = host in EVERYWHERE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # lifespan; a websocket finds no route
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a report brings a policy of its own
            await send(message)

        try:
            try:
                await self._check(scope)
            except ApiError:
                await self._body(receive, limit=0)  # a client that is still sending would not hear it
                raise
            body = await self._body(receive, self.limits.body_bytes)
        except ApiError as error:
            answer = JSONResponse(error.body, error.status, error.headers)
            await answer(scope, receive, send_with_headers)
        else:
            await self.app(scope, _replayed(body, receive), send_with_headers)

    async def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = _split(f"//{headers.get('host', '')}")
        if host is None or not self._is_ours(host.hostname or ""):
            given = headers.get("host", "") if host is None else host.hostname or ""
            message = (
                f"this server is not known as {given!r}; to be reached by that name: triptych serve --name {given}"
            )
            raise ApiError(403, message, "wrong_host")
        if (origin := headers.get("origin")) is not None:
            page = _split(origin)
            if page is None or (page.netloc.lower() != host.netloc.lower() and page.hostname not in self._names):
                raise ApiError(403, "no page of another origin may ask", "wrong_origin")
        if scope["path"] not in OPEN:
            client = self._client(scope, headers)
            scope["key_name"] = client if self.keyring.required else None
            self.rate.count(client)

    def _client(self, scope: Scope, headers: Headers) -> str:
        """The client for its rate: the key's name, or the address where no key is required."""
        address = (scope.get("client") or ("",))[0]
        if not self.keyring.required:
            return address
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise ApiError(
                401, "a key is required: Authorization: Bearer KEY", "missing_key", WWW_Authenticate="Bearer"
            )
        try:
            holder = self.keyring.holder(key.strip())
        except UserError as error:
            say(f"all requests are refused: {error}")
            raise ApiError(503, "the keys cannot be read; the server's log says why", "keys_unreadable") from error
        if holder is None:
            self._wrong_keys.count(address)  # a known key is never refused for the wrong ones beside it
            raise ApiError(401, "this key is not known, or was revoked", "invalid_api_key", WWW_Authenticate="Bearer")
        if scope["path"].startswith(ADMIN_PATHS) and holder.scope != ADMIN:
            message = f"this key is for {holder.scope}; here one is needed of: triptych keys add NAME --scope admin"
            raise ApiError(403, message, "insufficient_scope")
        return holder.name

    async def _body(self, receive: Receive, limit: int) -> bytes:
        """All of the body; of one that is larger than the limit nothing is kept."""
        body, size = bytearray(), 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                is_more = True
                while is_more:
                    message = await receive()
                    chunk = message.get("body", b"")
                    size, is_more = size + len(chunk), message.get("more_body", False)
                    body = body + chunk if size <= limit else bytearray()
        except TimeoutError:
            raise ApiError(408, f"the body took longer than {self.limits.body_seconds:g} s", "body_too_slow") from None
        if limit and size > limit:
            raise ApiError(413, f"the body has more than {limit:,} bytes", "body_too_large")
        return bytes(body)

    def _is_ours(self, host: str) -> bool:
        return host.lower() in self._hosts or (self._takes_addresses and _is_address(host))


def _split(url: str) -> SplitResult | None:
    """Its parts; None where it is no address."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever comes: the client that hangs up."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return whole.pop() if whole else await receive()

    return received


def is_loopback(host: str) -> bool:
    return host.lower() in LOOPBACK_NAMES or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
