"""A training process that is killed, ended, orphaned and resumed writes the files of an undisturbed one."""

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from model import checkpoint
from model.spec import Spec
from tasks.errors import UserError
from tasks.training import last_metrics, train
from tests.processes import is_running, wait_until
from tests.tiny_training import spec, write_partition

ROOT = Path(__file__).parents[2]
STEPS = 150
FROM_A_PARENT = """
import resource
import sys
from pathlib import Path
from model.spec import Spec
from tasks.training import train
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
train(Spec.model_validate_json(Path(sys.argv[1]).read_text()), int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_partition(tmp_path_factory.mktemp("corpus") / "0001")


@pytest.fixture(scope="module")
def undisturbed(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    train(spec(out, shards))
    return out


def test_kills_at_random_moments_change_no_byte(shards: Path, undisturbed: Path, tmp_path: Path) -> None:
    moments = random.Random(os.environ.get("PYTEST_SEED", "0"))
    for _ in range(2):
        with training_process(spec(tmp_path, shards)) as victim:
            wait_for_steps(victim, tmp_path, at_least=moments.randrange(3, 100))
            victim.kill()
    train(spec(tmp_path, shards))
    assert content(tmp_path) == content(undisturbed)


def test_a_terminated_training_process_loses_no_step(shards: Path, undisturbed: Path, tmp_path: Path) -> None:
    with training_process(spec(tmp_path, shards, checkpoint_every=1000)) as ended:
        wait_for_steps(ended, tmp_path, at_least=7)
        ended.send_signal(signal.SIGTERM)
        assert ended.wait(60) == 130
    assert last_checkpoint(tmp_path) == steps_done(tmp_path) < STEPS
    train(spec(tmp_path, shards))
    assert content(tmp_path) == content(undisturbed)


def test_a_training_process_that_is_terminated_while_it_imports_leaves_a_checkpoint(
    shards: Path, tmp_path: Path
) -> None:
    endless = spec(tmp_path, shards, checkpoint_every=10**6, schedule={"steps": 10**6}, eval_every=10**6)
    with training_parent(endless) as parent:
        (child,) = wait_until(psutil.Process(parent.pid).children)
        child.terminate()
        assert parent.wait(60) == 1
    assert last_checkpoint(tmp_path) == steps_done(tmp_path) >= 1


def test_an_orphaned_training_process_ends_with_a_checkpoint(shards: Path, tmp_path: Path) -> None:
    endless = spec(tmp_path, shards, checkpoint_every=10**6, schedule={"steps": 10**6}, eval_every=10**6)
    with training_parent(endless) as killed:
        wait_for_steps(killed, tmp_path, at_least=3)
        orphan = int((tmp_path / "work/rank-0.lock").read_text())
        killed.kill()
    wait_until(lambda: not is_running(orphan), seconds=120)
    assert last_checkpoint(tmp_path) == steps_done(tmp_path)


def test_an_interrupted_parent_waits_for_the_checkpoint(shards: Path, tmp_path: Path) -> None:
    endless = spec(tmp_path, shards, checkpoint_every=10**6, schedule={"steps": 10**6}, eval_every=10**6)
    with training_parent(endless) as interrupted:
        wait_for_steps(interrupted, tmp_path, at_least=3)
        interrupted.send_signal(signal.SIGINT)
        interrupted.wait(60)
        assert last_checkpoint(tmp_path) == steps_done(tmp_path)
        assert not is_running(int((tmp_path / "work/rank-0.lock").read_text()))


def test_two_ranks_have_the_losses_of_one_and_one_rank_resumes_from_two(
    shards: Path, undisturbed: Path, tmp_path: Path
) -> None:
    with training_parent(spec(tmp_path, shards, checkpoint_every=1000), ranks=2) as interrupted:
        wait_for_steps(interrupted, tmp_path, at_least=12)
        interrupted.send_signal(signal.SIGINT)
        interrupted.wait(60)
    done = last_checkpoint(tmp_path)
    assert done == steps_done(tmp_path) >= 12
    train(spec(tmp_path, shards))
    alone, together = losses(undisturbed), losses(tmp_path)
    assert together == pytest.approx(alone, abs=1e-5)
    assert together != alone  # sums in another order: two ranks did take part


def test_a_known_failure_is_reported_with_a_fix(shards: Path, tmp_path: Path) -> None:
    hot = spec(tmp_path, shards, optimizer={"learning_rate": 1e30, "max_norm": 1e30})
    with pytest.raises(
        UserError, match=r"step \d+: .*(nan|inf).*its batch held train-00000#\d+ \(0001/train-00000.arrow row \d+\)"
    ):
        train(hot)


def test_a_full_disk_is_reported_and_the_rerun_loses_nothing(shards: Path, undisturbed: Path, tmp_path: Path) -> None:
    with training_parent(
        spec(tmp_path, shards), largest_file=200_000
    ) as starved:  # bytes: room for logs, not for a checkpoint
        assert starved.wait(120) == 1
        assert starved.stderr is not None
        assert re.search(r"UserError: .*File too large.*\n  fix: make room there", starved.stderr.read().decode())
    train(spec(tmp_path, shards))
    assert content(tmp_path) == content(undisturbed)


def test_a_crash_is_reported_with_the_end_of_its_output(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "torn.arrow").write_bytes((shards / "train-00000.arrow").read_bytes()[:200])
    torn = spec(tmp_path, shards)
    torn = torn.model_copy(update={"data": torn.data | {"train": {"a": tmp_path / "torn.arrow"}}})
    with pytest.raises(UserError, match=r"training crashed with exit code 1; its last words:\n[^$]*Arrow"):
        train(torn)


@contextmanager
def training_process(task: Spec) -> Iterator[subprocess.Popen[bytes]]:
    """The training process itself, its lifeline held here."""
    task.work.mkdir(parents=True, exist_ok=True)
    file = task.work / "spec.json"
    file.write_text(task.model_dump_json())
    command = [sys.executable, "-m", "model.train", str(file)]
    with running(command) as process:
        yield process


@contextmanager
def training_parent(task: Spec, ranks: int = 1, largest_file: int = -1) -> Iterator[subprocess.Popen[bytes]]:
    """A process that trains through tasks.training; none of its files may grow larger than `largest_file` bytes."""
    task.work.mkdir(parents=True, exist_ok=True)
    file = task.work / "given.json"
    file.write_text(task.model_dump_json())
    with running([sys.executable, "-c", FROM_A_PARENT, str(file), str(ranks), str(largest_file)]) as process:
        yield process


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_steps(process: subprocess.Popen[bytes], out: Path, at_least: int) -> None:
    def has_done_steps() -> bool:
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(f"ended with {process.returncode}: {process.stderr.read().decode()}")
        return steps_done(out) >= at_least

    wait_until(has_done_steps, seconds=120)


def steps_done(out: Path) -> int:
    metrics = out / "metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.exists() else 0


def last_checkpoint(out: Path) -> int:
    return int(checkpoint.checkpoints(out / "work/checkpoints")[-1].stem.split("-")[1])


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


def content(out: Path) -> dict[str, bytes]:
    """Every byte that is promised equal."""
    kept = [path for path in out.rglob("*") if path.is_file() and not {"work", "timing"} & set(path.parts)]
    return {str(path.relative_to(out)): path.read_bytes() for path in kept}


def test_what_training_came_to_is_a_mean_and_not_the_last_batch(tmp_path: Path) -> None:
    rows = [{"step": n, "loss": float(n), "accuracy": 1.0} for n in range(1, 41)]
    rows[19] |= {"val_loss": 9.0}
    rows[39] |= {"val_loss": 2.5}
    log = tmp_path / "metrics.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    metrics = last_metrics(log, ("loss", "accuracy", "margin", "val_loss"))
    assert metrics == {"loss": 38.5, "accuracy": 1.0, "val_loss": 2.5, "steps": 40.0}
