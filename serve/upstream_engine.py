"""What stands for a model that another server answers with, and where that server is."""

from collections.abc import AsyncGenerator, Sequence
from urllib.parse import urlsplit

from serve.engine import EngineError, Generated, Sampling, TokenScore
from tasks.errors import UsageError

KEY = "TRIPTYCH_UPSTREAM_KEY"
SLOTS = 64


class UpstreamEngine:
    """Stands for a model that another server answers with; texts are not generated through it, but passed on."""

    precision, slots, can, is_ready = "as it is served there", SLOTS, frozenset[str](), True

    def __init__(self, url: str, context: int) -> None:
        self.name, self.context = url, context

    def generate(self, prompt: Sequence[int], sampling: Sampling) -> AsyncGenerator[Generated]:
        raise EngineError(f"{self.name} takes whole requests only")

    async def score(self, ids: Sequence[int], likeliest: int) -> list[TokenScore]:
        raise EngineError(f"{self.name} takes whole requests only")


def upstream_url(choice: str) -> str:
    """The address of its API, which ends with /v1; UsageError where `choice` is no such address."""
    parts = urlsplit(choice)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"--engine {choice}: not an address", "give e.g. http://127.0.0.1:8001/v1")
    if parts.username or parts.password:
        raise UsageError("--engine: an address without a user and a password is expected", f"give its key as {KEY}")
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{parts.netloc}{path}/v1"
