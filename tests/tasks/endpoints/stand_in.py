"""A server on loopback that answers chat completions as a test wants: well, late, wrongly, or never to the end."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def good(text: str = "yes", prompt: int = 5, answer: int = 1, reason: str = "stop") -> Answer:
    usage = {"prompt_tokens": prompt, "completion_tokens": answer}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return 200, {}, json.dumps({"choices": [choice], "usage": usage}).encode()


def error(status: int, message: str, code: str = "", **headers: str) -> Answer:
    return status, headers, json.dumps({"error": {"message": message, "code": code}}).encode()


class Elsewhere:
    """`respond` gives each response; `received` are the requests so far: path, headers, body."""

    def __init__(self) -> None:
        self.received = list[tuple[str, dict[str, str], dict[str, Any]]]()
        self.respond: Callable[[dict[str, Any]], Answer] = lambda body: good()
        self.models = ["only"]
        self.url = ""
        self.drips = False  # a byte now and then, without an end

    def in_turn(self, *answers: Answer) -> None:
        """Those answers, then good ones."""
        left = iter(answers)
        self.respond = lambda body: next(left, good())


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    state = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send((200, {}, json.dumps({"data": [{"id": name} for name in state.models]}).encode()))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.received.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if state.drips:
                self._drip()
            else:
                self._send(state.respond(body))

        def _send(self, answer: Answer) -> None:
            status, headers, content = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _drip(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.02)
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
