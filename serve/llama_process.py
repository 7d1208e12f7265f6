"""A child process with llama.cpp: started, watched, and ended with whoever holds it.

A process of its own, since a model that aborts llama.cpp must not take the API with it, since its memory comes back
whole when a version is replaced, and since no lock of the interpreter stands between its threads and its clients.
"""

import json
import subprocess
import sys
import tempfile
import weakref
from collections import deque
from pathlib import Path
from shutil import rmtree
from threading import Thread
from typing import IO, Any

from serve.engine import EngineError
from tasks.export.llama_settings import process_environment

MAX_SOCKET_PATH = 100  # characters; the system takes 107
LINES_KEPT = 20
SOCKET = "engine.sock"


class LlamaProcess:
    """A running child; EngineError, with what it wrote, where it does not come up."""

    def __init__(self, spec: dict[str, Any]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="triptych-"))  # which only its owner can enter
        if len(str(folder)) > MAX_SOCKET_PATH - len(SOCKET):
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix="triptych-", dir="/tmp"))
        self.socket = folder / SOCKET
        command = [sys.executable, "-m", "serve.llama_child", json.dumps(spec | {"socket": str(self.socket)})]
        environment = process_environment(Path(__file__).parents[1])
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )
        self.end = weakref.finalize(self, _end, self._process, folder)
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        assert self._process.stdout and self._process.stderr
        Thread(target=_keep_lines, args=(self._process.stderr, self._lines), daemon=True).start()
        if not self._process.stdout.readline():
            self._process.wait()
            raise EngineError(f"llama.cpp did not start: {self.last_words}")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def ends_soon(self) -> bool:
        """Whether it has ended, or does so within a second: its connections end a moment before it does."""
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def last_words(self) -> str:
        """What it wrote last, in one line."""
        errors = [line.partition(" E ")[2] for line in self._lines if " E " in line]
        return (errors or [*self._lines] or [""])[-1].strip()[-300:] or f"exit status {self._process.poll()}"


def _keep_lines(stream: IO[bytes], lines: "deque[str]") -> None:
    with stream:
        for line in stream:
            lines.append(line.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    rmtree(folder, ignore_errors=True)
