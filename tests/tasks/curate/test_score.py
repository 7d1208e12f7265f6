"""Scoring gives the same bytes however it is shared out, and a killed worker costs one rank."""

import random
import signal
import threading
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from tasks import executor
from tasks.curate.config import CurateConfig
from tasks.curate.steps import SIGNALS
from tasks.errors import UserError
from tasks.executor import _run_rank
from tasks.store.step import Stats

from .corpus import random_document, write_documents

FILES = ("signals.parquet", "pairs.parquet", "index.arrow")


def run(documents: Path, out: Path, **settings: int) -> Stats:
    out.mkdir(exist_ok=True)
    return SIGNALS(CurateConfig(**settings).scoring, {"documents": documents, "earlier": {}}, out)


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    draw = random.Random(5)
    return [random_document(draw) for _ in range(700)]


@pytest.fixture(scope="module")
def undisturbed(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    stats = run(write_documents(folder / "documents", texts), folder / "out", workers=1, tasks=1)
    assert stats.funnel and stats.funnel.kept == len(texts)
    return contents(folder / "out")


def test_bytes_do_not_depend_on_ranks_or_input_files(texts: list[str], undisturbed: dict, tmp_path: Path) -> None:
    run(write_documents(tmp_path / "documents", texts, files=3), tmp_path / "out", workers=1, tasks=7)
    assert contents(tmp_path / "out") == undisturbed
    assert sorted(undisturbed) == sorted(FILES)
    assert pq.read_table(tmp_path / "out" / "signals.parquet")["doc_id"].to_pylist() == [f"s/{i}" for i in range(700)]


def test_a_killed_worker_is_an_error_in_seconds_and_the_rerun_goes_on(
    texts: list[str], undisturbed: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents, out = write_documents(tmp_path / "documents", texts), tmp_path / "out"
    failures: list[UserError] = []

    def victim() -> None:
        try:
            run(documents, out, workers=2, tasks=40)
        except UserError as error:
            failures.append(error)

    thread = threading.Thread(target=victim)
    thread.start()
    ranks = out / "work" / "ranks-40"
    completions = ranks / "datatrove" / "completions"
    while thread.is_alive() and not list(completions.glob("*")):
        time.sleep(0.01)
    kill_a_worker()
    killed = time.monotonic()
    thread.join(timeout=60)
    assert time.monotonic() - killed < 30
    assert "signals: a worker process was killed; ranks without a result: [" in failures[0].what
    completed = [f"{path.name}.arrow" for path in completions.iterdir()]
    assert 0 < len(completed) < 40
    assert not (out / "signals.parquet").exists()

    redone: list[int] = []
    monkeypatch.setattr(executor, "_run_rank", lambda pipeline, rank: redone.append(rank) or _run_rank(pipeline, rank))
    run(documents, out, workers=1, tasks=40)
    assert contents(out) == undisturbed
    assert not {f"{rank:05d}.arrow" for rank in redone} & set(completed)


def kill_a_worker() -> None:
    for child in psutil.Process().children(recursive=True):
        if "spawn_main" in " ".join(child.cmdline()):
            child.send_signal(signal.SIGKILL)
            return
    raise AssertionError("no worker to kill")


def test_an_empty_partition_is_scored_to_nothing(tmp_path: Path) -> None:
    stats = run(write_documents(tmp_path / "documents", []), tmp_path / "out", workers=1)
    assert stats.funnel and stats.funnel.read == 0
    assert pq.read_table(tmp_path / "out" / "signals.parquet").num_rows == 0
