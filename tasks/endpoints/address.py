"""Where a model answers: URL#MODEL, e.g. https://api.openai.com/v1#gpt-5-mini or http://127.0.0.1:8000/v1."""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tasks.errors import UsageError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EXAMPLE = "give e.g. https://api.openai.com/v1#MODEL or http://127.0.0.1:8000/v1"


@dataclass(frozen=True)
class EndpointAddress:
    """`model` is "" where the only one that the server has is meant."""

    url: str  # of its API, which ends with a version: …/v1
    model: str

    def __str__(self) -> str:
        return f"{self.url}#{self.model}" if self.model else self.url

    @property
    def key_name(self) -> str:
        """The environment variable with the key for this host and no other: TRIPTYCH_KEY_API_OPENAI_COM.

        One name for all hosts would send the key of one to another.
        """
        host = urlsplit(self.url).hostname or ""
        return "TRIPTYCH_KEY_" + re.sub(r"\W", "_", host).upper()

    @property
    def key(self) -> str:
        """The key, "" where none is set; UsageError where it holds what no header may."""
        key = os.environ.get(self.key_name, "").strip()
        if not key.isprintable() or not key.isascii():
            raise UsageError(f"{self.key_name} holds characters that no key has", "set it again")
        return key


def is_address(name: str) -> bool:
    """Whether a model is named by an address, and not by a version or a path."""
    return name.lower().startswith(("http://", "https://"))


def parse_address(name: str) -> EndpointAddress:
    """UsageError where it is no address, would send a key in the clear, or holds a password."""
    try:
        parts = urlsplit(name)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{_shown(name)}: not an address: {error}", EXAMPLE) from error
    if parts.scheme not in {"http", "https"} or not host or parts.query:
        raise UsageError(f"{_shown(name)}: not an address of a model", EXAMPLE)
    if parts.username or parts.password:
        raise UsageError("an address without a user and a password is expected", "give its key in the environment")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    shown_host = f"[{host}]" if ":" in host else host
    url = f"{parts.scheme}://{shown_host}{f':{port}' if port else ''}{path}"
    address = EndpointAddress(url, parts.fragment)
    if parts.scheme == "http" and host not in LOOPBACK and address.key:
        raise UsageError(f"{url}: its key would be sent in the clear", f"give https://, or unset {address.key_name}")
    return address


def _shown(name: str) -> str:
    """Without what may be a password."""
    return re.sub(r"//[^/@]*@", "//…@", name)[:200]
