"""Ctrl-C and SIGKILL in every step, then the same command again: nothing complete is redone, every byte is the same."""

import json
import signal
import time
from contextlib import suppress
from pathlib import Path

from tasks.store.verification import MANIFEST, verify
from tests.end_to_end.forks import ForkedCommand, Forks

STEPS = (
    "ingest", "signals", "curate", "tokenizer", "encode", "pretrain", "evaluate/base",
    "finetune/classify", "evaluate/classify", "finetune/instruct", "evaluate/instruct", "register",
)  # fmt: skip
COMMAND = ("run", "smoke", "--json")


def signal_in_step(step: str, home: Path, forks: Forks, number: signal.Signals) -> ForkedCommand:
    """The run, sent that signal as soon as the step writes something."""
    began = time.time_ns()
    run = forks.start(home, *COMMAND)
    while not writes(home / "store" / step, began):
        assert run.is_alive(), f"the run ended before {step} began:\n{run.wait()}"
        time.sleep(0.005)
    run.send(number)
    return run


def writes(step: Path, since: int) -> bool:
    """Whether anything in the step's work folder is younger than that (ns)."""
    with suppress(FileNotFoundError):
        for work in step.glob("*.partial"):
            return any(path.stat().st_mtime_ns > since for path in (work, *work.rglob("*")))
    return False


def complete_artifacts(home: Path) -> dict[str, str]:
    """Every complete artifact, verified: {folder: manifest's bytes}."""
    artifacts = {}
    for manifest in (home / "store").rglob(MANIFEST):
        if ".partial" not in str(manifest):
            verify(manifest.parent)
            artifacts[str(manifest.parent)] = manifest.read_text()
    return artifacts


def test_a_pipeline_interrupted_and_killed_in_every_step_ends_with_the_bytes_of_an_undisturbed_one(
    smoke, forks, tmp_path
):
    home, before = tmp_path / "home", dict[str, str]()
    for step in STEPS:
        interrupted = signal_in_step(step, home, forks, signal.SIGINT).wait()
        assert interrupted.returncode == 130, (step, interrupted)
        assert "the same command goes on from there" in interrupted.stderr, (step, interrupted)
        assert "Traceback" not in interrupted.stderr, (step, interrupted)
        assert signal_in_step(step, home, forks, signal.SIGKILL).wait().returncode == -signal.SIGKILL
        now = complete_artifacts(home)
        assert before.items() <= now.items(), f"what was complete before the ends in {step} was touched"
        before = now
    last = forks.start(home, *COMMAND).wait()
    assert last.returncode == 0, last
    record, (_, undisturbed) = json.loads(last.stdout.splitlines()[-1]), smoke
    assert {s["step"]: s["sha256"] for s in record["steps"]} == {s["step"]: s["sha256"] for s in undisturbed["steps"]}
    assert record["models"], "nothing was published"
