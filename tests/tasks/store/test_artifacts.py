"""The store: complete or absent, once, and verified, with real files, real kills and real processes."""

import errno
import fcntl
import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import pytest

from tasks.errors import Skipped, UserError
from tasks.store.artifacts import Artifact, Store
from tasks.store.step import NOT_IN_KEY, Frozen, Inputs, Stats, Step
from tasks.store.verification import MANIFEST, sealed, verify

FILE_OPERATIONS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.scandir"}


class Config(Frozen):
    text: str = "hello"


def write(config: Config, inputs: Inputs, out: Path) -> Stats:
    (out / "deep").mkdir(exist_ok=True)
    (out / "deep" / "text.txt").write_text(config.text)
    (out / "twice.txt").write_text(config.text * 2)
    (out / "timing").mkdir(exist_ok=True)
    (out / "timing" / "speed.json").write_text(str(time.monotonic_ns()))
    return Stats(metrics={"characters": len(config.text)})


STEP = Step("write", 1, Config, write)


def test_a_second_call_returns_the_first_ones_artifact(tmp_path):
    store = Store(tmp_path / "store")
    made, second = store.complete(STEP, Config(), {}), store.complete(STEP, Config(), {})
    assert (made.hit, second.hit) == (False, True)
    assert (second.key, second.sha256, second.stats) == (made.key, made.sha256, made.stats)


def test_a_kill_between_any_two_file_operations_leaves_complete_or_absent(tmp_path):
    undisturbed = Store(tmp_path / "undisturbed").complete(STEP, Config(), {})
    for operation in range(1, 400):
        root = tmp_path / f"killed{operation}"
        survived = _completes_before(root, operation)
        for manifest in root.rglob(MANIFEST):
            if ".partial" not in str(manifest):
                verify(manifest.parent)
        recompute = Store(root).complete(STEP, Config(), {})
        assert recompute.sha256 == undisturbed.sha256
        assert not list(root.rglob("*.partial"))
        if survived:
            break
    assert survived and operation > 20, f"the child was killed at {operation - 1} operations only"


def _completes_before(root: Path, operation: int) -> bool:
    """Whether a forked child completes the artifact before its n-th file operation, at which it kills itself."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, _: object) -> None:
            nonlocal count
            count += event in FILE_OPERATIONS
            if event in FILE_OPERATIONS and count == operation:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            root.mkdir()
            sys.addaudithook(hook)
            Store(root).complete(STEP, Config(), {})
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def slow(config: Config, inputs: Inputs, out: Path) -> Stats:
    with Path(config.text).open("a") as log:
        log.write(f"{os.getpid()}\n")
    time.sleep(0.5)
    (out / "done").write_text("done")
    return Stats()


SLOW = Step("slow", 1, Config, slow)


def _complete_slow(root: str, log: str, results: multiprocessing.Queue) -> None:
    artifact = Store(Path(root)).complete(SLOW, Config(text=log), {})
    results.put((artifact.hit, artifact.sha256))


def test_two_processes_that_race_for_a_key_do_its_work_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    results, log = context.Queue(), tmp_path / "log"
    arguments = (str(tmp_path / "store"), str(log), results)
    racers = [context.Process(target=_complete_slow, args=arguments) for _ in range(2)]
    for racer in racers:
        racer.start()
    outcomes = [results.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    assert len(log.read_text().splitlines()) == 1
    assert sorted(hit for hit, _ in outcomes) == [False, True]
    assert len({sha for _, sha in outcomes}) == 1


def test_moving_the_store_changes_no_key_and_keeps_every_hit(tmp_path):
    made = Store(tmp_path / "here").complete(STEP, Config(), {})
    shutil.move(tmp_path / "here", tmp_path / "there")
    again = Store(tmp_path / "there").complete(STEP, Config(), {})
    assert again.hit and again.key == made.key


def test_seconds_and_dates_are_outside_the_content_hash(tmp_path):
    one = Store(tmp_path / "one").complete(STEP, Config(), {})
    other = Store(tmp_path / "other").complete(STEP, Config(), {})
    speeds = {(a.path / "timing" / "speed.json").read_text() for a in (one, other)}
    assert len(speeds) == 2 and one.sha256 == other.sha256


def test_a_truncated_file_is_an_error_with_a_fix_on_a_hit(tmp_path):
    made = Store(tmp_path / "store").complete(STEP, Config(), {})
    (made.path / "twice.txt").write_text("h")
    with pytest.raises(UserError, match=r"twice\.txt") as error:
        Store(tmp_path / "store").complete(STEP, Config(), {})
    command = error.value.cure.split("'")[1]
    shutil.rmtree(command)
    assert not Store(tmp_path / "store").complete(STEP, Config(), {}).hit


def test_a_flipped_byte_in_an_input_stops_the_step_that_would_read_it(tmp_path):
    store = Store(tmp_path / "store")
    made = store.complete(STEP, Config(), {})
    (made.path / "twice.txt").write_text("hellohellp")
    with pytest.raises(UserError, match=r"twice\.txt"):
        store.complete(STEP, Config(text="next"), {"before": made})


def test_an_artifact_made_by_other_code_is_a_hit_that_says_so_and_a_miss_when_strict(tmp_path):
    store = Store(tmp_path / "store")
    made = store.complete(STEP, Config(), {})
    manifest = json.loads((made.path / MANIFEST).read_text())
    manifest["code"][f"{__name__}.write"] = "another digest"
    manifest["sources"][__name__] = "another digest"
    (made.path / MANIFEST).write_text(json.dumps(sealed(manifest)))
    again = store.complete(STEP, Config(), {})
    assert again.hit and f"code changed since this was made: {__name__}.write" in again.notes
    assert Store(tmp_path / "store", strict=True).key(STEP, Config(), {}) != again.key


def test_a_steps_own_thread_count_is_recorded_and_a_different_one_is_reported(tmp_path):
    class Threaded(Config):
        threads: Annotated[int, NOT_IN_KEY] = 2

    step, store = Step("write", 1, Threaded, write), Store(tmp_path / "store")
    made = store.complete(step, Threaded(), {})
    assert json.loads((made.path / MANIFEST).read_text())["environment"]["threads"] == 2
    assert not store.complete(step, Threaded(), {}).notes
    assert store.complete(step, Threaded(threads=3), {}).notes == ("made with threads 2, now 3",)


def test_computing_again_reports_reproduced_and_never_overwrites(tmp_path):
    store = Store(tmp_path / "store")
    made = store.complete(STEP, Config(), {})
    recompute = store.recompute(STEP, Config(), {})
    assert recompute.notes[0].startswith("reproduced") and recompute.sha256 == made.sha256

    def other(config: Config, inputs: Inputs, out: Path) -> Stats:
        (out / "text.txt").write_text("other bytes")
        return Stats()

    differs = store.recompute(Step("write", 1, Config, other), Config(), {})
    assert differs.notes[0].startswith("NOT reproduced")
    verify(made.path)
    (aside,) = made.path.parent.glob("*.differs-*")
    assert (aside / "text.txt").read_text() == "other bytes"


def resumable(config: Config, inputs: Inputs, out: Path) -> Stats:
    progress = out / "progress.txt"
    before = progress.read_text() if progress.exists() else ""
    progress.write_text(before + "x")
    if len(before) < 2:
        raise KeyboardInterrupt
    return Stats()


def test_a_step_that_resumes_gets_its_own_earlier_work(tmp_path):
    step = Step("resumable", 1, Config, resumable, resumes=True)
    store = Store(tmp_path / "store")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            store.complete(step, Config(), {})
    assert (store.complete(step, Config(), {}).path / "progress.txt").read_text() == "xxx"


def test_a_skipped_step_leaves_nothing_behind(tmp_path):
    def skip(config: Config, inputs: Inputs, out: Path) -> Stats:
        raise Skipped("no labels")

    with pytest.raises(Skipped):
        Store(tmp_path / "store").complete(Step("skip", 1, Config, skip), Config(), {})
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and path.name.endswith(".partial")]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_an_error_with_a_fix(tmp_path, number):
    def fails(config: Config, inputs: Inputs, out: Path) -> Stats:
        raise OSError(number, os.strerror(number), str(out / "big"))

    with pytest.raises(UserError, match="big") as error:
        Store(tmp_path / "store").complete(Step("fails", 1, Config, fails), Config(), {})
    assert error.value.cure


def test_a_dead_holder_of_the_lock_does_not_block_the_next_run(tmp_path):
    store = Store(tmp_path / "store")
    lock = store.root / "write" / f"{store.key(STEP, Config(), {})}.lock"
    lock.parent.mkdir(parents=True)
    child = os.fork()
    if child == 0:
        fcntl.flock(lock.open("w"), fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert isinstance(store.complete(STEP, Config(), {}), Artifact)
