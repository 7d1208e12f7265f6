"""What the server has done, in Prometheus' text format (version 0.0.4)."""

import bisect
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FIRST_TOKEN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class CountedRequests:
    """ASGI middleware: counts each response by path and status, what is no path of the API as `other`."""

    def __init__(self, app: ASGIApp, metrics: "Metrics", paths: Collection[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["path"] if scope["path"] in self._paths else "other"
                self._metrics.count_request(path, message["status"])
            await send(message)

        await self._app(scope, receive, counted)


class Metrics:
    """Counts since the start."""

    def __init__(self) -> None:
        self._requests = Counter[tuple[str, int]]()
        self._tokens = Counter[tuple[str, str]]()
        self._buckets, self._seconds = [0] * (len(FIRST_TOKEN_SECONDS) + 1), 0.0

    def count_request(self, path: str, status: int) -> None:
        self._requests[path, status] += 1

    def count_tokens(self, model: str, prompt: int, answer: int) -> None:
        self._tokens[model, "prompt"] += prompt
        self._tokens[model, "answer"] += answer

    def first_token(self, seconds: float) -> None:
        """From the request to its first token, the wait for a slot included."""
        self._buckets[bisect.bisect_left(FIRST_TOKEN_SECONDS, seconds)] += 1
        self._seconds += seconds

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """All of it; `gauges` are name → what it is and its value now."""
        return "\n".join([*self._lines(gauges), ""])

    def _lines(self, gauges: Mapping[str, tuple[str, float]]) -> Iterator[str]:
        yield from _head("triptych_requests_total", "counter", "Requests by path and status.")
        for (path, status), count in sorted(self._requests.items()):
            yield f'triptych_requests_total{{path="{path}",status="{status}"}} {count}'
        yield from _head("triptych_tokens_total", "counter", "Tokens read of prompts and made of answers.")
        for (model, kind), count in sorted(self._tokens.items()):
            yield f'triptych_tokens_total{{model="{_escaped(model)}",kind="{kind}"}} {count}'
        name = "triptych_first_token_seconds"
        yield from _head(name, "histogram", "Seconds from a request to its first token.")
        total = 0
        for bound, count in zip((*FIRST_TOKEN_SECONDS, "+Inf"), self._buckets, strict=True):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield from (f"{name}_sum {self._seconds:.6f}", f"{name}_count {total}")
        for gauge, (what, value) in gauges.items():
            yield from _head(gauge, "gauge", what)
            yield f"{gauge} {value:g}"


def _head(name: str, kind: str, what: str) -> tuple[str, str]:
    return f"# HELP {name} {what}", f"# TYPE {name} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
