"""A home with two versions of a tiny model and a base; a server open to this machine, and one that requires keys."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import OpenAI

from serve import keys
from tasks.encode.tokenizer import TokenizerConfig, tokenizer
from tasks.home import Home
from tasks.models.chat_template import write_chat_template
from tasks.models.vocabulary import Vocabulary
from tasks.register.aliases import promote
from tasks.register.package import REGISTER, RegisterConfig
from tasks.register.publish import RunInfo, publish
from tasks.store.artifacts import Store
from tasks.store.step import Frozen, Inputs, Stats, Step
from tasks.tracking.connection import connect
from tests.tasks.encode.conftest import SENTENCES, write_curated

REPOSITORY = Path(__file__).parents[2]
MODEL = "tiny-instruct@champion"
CONTEXT = 16_384  # so that an answer can take long enough to be interrupted
SHAPE = {
    "family": "llama",
    "context": CONTEXT,
    "depth": 1,
    "width": 16,
    "heads": 2,
    "kv_heads": 1,
    "head_width": 8,
    "ffn_width": 32,
    "tied": False,
}


class Seeded(Frozen):
    seed: int


@dataclass(frozen=True)
class Server:
    """A running `triptych serve`."""

    process: subprocess.Popen[str]
    url: str
    stderr: Path

    @contextmanager
    def client(self, key: str = "none") -> Iterator[OpenAI]:
        with OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60) as client:
            yield client


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """tiny-instruct/1 is the champion, /2 another model of the same kind; tiny-base/1 is a candidate."""
    folder = tmp_path_factory.mktemp("served")
    home = Home(folder / "home")
    assert not isinstance(connect(home), str)
    vocabulary = folder / "tokenizer"
    vocabulary.mkdir()
    texts = write_curated(folder / "curated", [" ".join(SENTENCES)] * 20)
    tokenizer(TokenizerConfig(vocabulary=600), Inputs({"texts": {"0001": texts}}), vocabulary)
    store = Store(home / "store")
    for seed in (1, 2):
        made = store.complete(_training(vocabulary), Seeded(seed=seed), {})
        roles = {"instruct": made} | ({"base": made} if seed == 1 else {})
        package = store.complete(REGISTER, RegisterConfig(name="tiny"), roles)
        publish(package.path, home, RunInfo(run="r1", recipe="tiny"))
    promote("tiny-instruct/1", home)
    return home


@pytest.fixture(scope="session")
def open_server(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(home, tmp_path_factory.mktemp("open")) as server:
        yield server


@pytest.fixture(scope="session")
def guarded_home(home: Home, open_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Another home with the same models, with keys of its own."""
    other = tmp_path_factory.mktemp("guarded") / "home"
    other.mkdir()
    for name in ("mlflow.db", "mlflow-artifacts"):
        (other / name).symlink_to(home / name)
    return Home(other)


@pytest.fixture(scope="session")
def key(guarded_home: Home) -> str:
    return keys.add(guarded_home, "laptop")["key"]


@pytest.fixture(scope="session")
def guarded(guarded_home: Home, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that requires keys, with one answer at a time, no queue, and 40 requests per minute and key."""
    limits = (
        "slots=1",
        "queue=0",
        "requests_per_minute=40",
        "answer_tokens=16000",
        "body_bytes=10000",
        "wrong_keys_per_minute=20",
        "models=1",
    )
    with serving(guarded_home, tmp_path_factory.mktemp("guarded"), limits, "--name", "api.example.com") as server:
        yield server


@contextmanager
def serving(home: Home, folder: Path, limits: Sequence[str] = (), *more: str) -> Iterator[Server]:
    """A server of the home's champion on a free port, ended afterwards."""
    log = folder / "stderr"
    with log.open("w") as stderr, start(home, MODEL, "--port", "0", *_set(limits), *more, stderr=stderr) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Server(process, json.loads(line)["url"], log)
        finally:
            process.terminate()
            process.wait(30)


def start(home: Home, *arguments: str, **options) -> subprocess.Popen[str]:
    """`triptych serve … --json`."""
    command = [sys.executable, "-m", "triptych", "serve", *arguments, "--json"]
    environment = os.environ | {"TRIPTYCH_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **options)


def _set(limits: Sequence[str]) -> list[str]:
    return [word for limit in limits for word in ("--set", limit)]


def _training(vocabulary: Path) -> Step:
    """A step that "trains" a network with random weights, which greedily never ends its turn."""

    def train(config: Seeded, inputs, out: Path) -> Stats:
        import shutil

        import torch

        from model import hub
        from model.decoder import Decoder, initialise
        from model.family import Shape

        decoder = initialise(Decoder(Shape(**SHAPE, vocabulary=Vocabulary(vocabulary).size)), config.seed)
        with torch.no_grad():
            decoder.head_weight_vd[:6] = 0  # the special tokens are never the likeliest
        hub.save(decoder, out / "weights")
        for file in vocabulary.iterdir():
            shutil.copy(file, out / "weights")
        write_chat_template(out / "weights")
        return Stats()

    return Step("tiny", 1, Seeded, train)
