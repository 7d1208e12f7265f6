"""Several processes, none of which outlives the one that started it."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from tasks.curate import texts as curate_texts
from tasks.curate.config import CurateConfig
from tasks.curate.steps import CURATE, SIGNALS
from tasks.encode import encoding
from tasks.encode.shards import EncodePart, encode
from tasks.errors import UserError
from tasks.ingest import steps as ingest_steps
from tasks.pool import Pool, WorkerKilled
from tasks.store.step import Inputs
from tests.processes import is_running, wait_until
from tests.tasks.corpora import config_of, ingest_newest, jsonl, write
from tests.tasks.curate.corpus import passages, write_documents
from tests.tasks.encode.conftest import write_curated


def square(n: int) -> int:
    return n * n


def refuse(n: int) -> int:
    raise UserError(f"{n} is bad", "take another")


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def import_wave(_: object) -> None:
    importlib.import_module("wave")


def linger(folder: Path) -> None:
    (folder / f"{os.getpid()}").touch()
    time.sleep(300)


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(Pool(2, "s").map(square, range(9))) == [n * n for n in range(9)]


def test_a_pool_of_one_worker_is_this_process() -> None:
    assert list(Pool(1, "s").map(lambda _: os.getpid(), range(3))) == [os.getpid()] * 3


def test_items_are_taken_a_few_ahead_of_the_results() -> None:
    taken = list[int]()

    def items() -> Iterator[int]:
        for n in count():
            taken.append(n)
            yield n

    assert list(islice(Pool(2, "s").map(square, items(), ahead=4), 10)) == [n * n for n in range(10)]
    assert len(taken) < 20


def test_a_blocked_module_cannot_be_imported_in_a_worker() -> None:
    with pytest.raises(ImportError, match="wave"):
        list(Pool(2, "s", blocked_modules=("wave",)).map(import_wave, range(2)))
    assert importlib.import_module("wave")


def test_a_user_error_of_a_worker_arrives_whole() -> None:
    with pytest.raises(UserError, match=r"0 is bad\n  fix: take another"):
        list(Pool(2, "s").map(refuse, range(2)))


def refuse_or_linger(folder: Path | None) -> None:
    if folder:
        linger(folder)
    refuse(0)


def test_an_error_ends_work_that_is_running(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 is bad"):  # before the test's time is up
        list(Pool(2, "s").map(refuse_or_linger, [None, tmp_path]))
    wait_until(lambda: not any(is_running(int(path.name)) for path in tmp_path.iterdir()))


def test_a_killed_worker_is_an_error_and_no_hang() -> None:
    with pytest.raises(WorkerKilled, match="a worker process was killed"):
        list(Pool(2, "s").map(die, range(4)))


@pytest.mark.parametrize("which", [0, 1], ids=("first", "last"))
def test_a_killed_worker_is_noticed_while_another_works(which: int, tmp_path: Path) -> None:
    def kill() -> None:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        os.kill(sorted(int(path.name) for path in tmp_path.iterdir())[which], signal.SIGKILL)

    threading.Thread(target=kill).start()
    with pytest.raises(WorkerKilled):  # before the other's work, and the test's time, is over
        list(Pool(2, "s").map(linger, [tmp_path, tmp_path]))


def run_ingest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_steps, "GROUP_BYTES", 10)
    files = {f"{n}.jsonl": jsonl({"text": "one"}, {"text": "two"}) for n in range(4)}
    config = config_of(write(folder / "in", files)).model_copy(update={"workers": 2})
    ingest_newest(config, folder)


def run_signals(folder: Path, workers: int = 2) -> None:
    (folder / "signals").mkdir()
    documents = write_documents(folder, passages(20))
    config = CurateConfig(workers=workers, tasks=4).scoring
    SIGNALS.run(config, Inputs({"documents": documents}), folder / "signals")


def run_curate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_signals(folder, workers=1)
    monkeypatch.setattr(curate_texts, "BYTES_WORTH_A_POOL", 0)
    inputs = Inputs({"documents": folder, "signals": folder / "signals"})
    (folder / "curate").mkdir()
    CURATE.run(CurateConfig(filters=(), dedup="none", workers=2).decide(), inputs, folder / "curate")


def run_encode(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "BYTES_WORTH_A_POOL", 0)
    inputs = Inputs({"texts": write_curated(folder / "curate", ["a", "b"]), "tokenizer": folder})
    encode(EncodePart(workers=2), inputs, folder)


@pytest.mark.parametrize(
    ("run", "setting"),
    [
        (run_ingest, "ingest.workers"),
        (lambda folder, _: run_signals(folder), "curate.workers"),
        (run_curate, "curate.workers"),
        (run_encode, "encode.workers"),
    ],
    ids=("ingest", "signals", "curate", "encode"),
)
def test_a_killed_worker_names_the_setting_of_the_step_that_started_it(
    run: Callable[[Path, pytest.MonkeyPatch], None], setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = Pool.map

    def kill_in_place_of_work(self: Pool, work: Callable[[Any], Any], items: Any, ahead: int | None = None) -> Any:
        return complete(self, work if self.workers < 2 else die, items, ahead)

    monkeypatch.setattr(Pool, "map", kill_in_place_of_work)
    with pytest.raises(UserError, match="a worker process was killed") as error:
        run(tmp_path, monkeypatch)
    assert f"--set {setting}=1" in error.value.cure


def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tasks.pool import Pool\n"
        "from tests.tasks.test_pool import linger\n"
        "if __name__ == '__main__': list(Pool(2, 's').map(linger, [Path(sys.argv[1])] * 2))"
    )
    (tmp_path / "main.py").write_text(script)
    marks = tmp_path / "pids"
    marks.mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    parent = subprocess.Popen([sys.executable, str(tmp_path / "main.py"), str(marks)], env=environment)
    wait_until(lambda: len(list(marks.iterdir())) == 2)
    workers = [int(path.name) for path in marks.iterdir()]
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(is_running(pid) for pid in workers))
