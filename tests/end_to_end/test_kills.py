"""SIGKILL in every step, then the same command again: nothing complete is redone, and every byte is the same."""

import json
import time
from pathlib import Path

from tasks.store import MANIFEST, verify
from tests.end_to_end.conftest import without_prefect

STEPS = (
    "ingest", "signals", "curate", "tokenizer", "encode", "pretrain", "evaluate/base",
    "finetune/classify", "evaluate/classify", "finetune/instruct", "evaluate/instruct", "register",
)  # fmt: skip


def killed_in(step: str, home: Path) -> None:
    """Kills the run once the step's work folder is there."""
    with without_prefect(str(home), "smoke", "--without-mlflow") as victim:
        while not list((home / "store" / step).glob("*.partial")):
            assert victim.poll() is None, f"the run ended before {step} began:\n{victim.communicate()[1]}"
            time.sleep(0.005)
        victim.kill()


def complete(home: Path) -> dict[str, str]:
    """Every complete artifact, verified: {folder: manifest's bytes}."""
    found = {}
    for manifest in (home / "store").rglob(MANIFEST):
        if ".partial" not in str(manifest):
            verify(manifest.parent)
            found[str(manifest.parent)] = manifest.read_text()
    return found


def test_a_line_killed_in_every_step_ends_with_the_bytes_of_an_undisturbed_one(smoke, tmp_path):
    home, before = tmp_path / "home", dict[str, str]()
    for step in STEPS:
        killed_in(step, home)
        now = complete(home)
        assert before.items() <= now.items(), f"what was complete before the kill in {step} was touched"
        before = now
    with without_prefect(str(home), "smoke") as last:
        stdout, stderr = last.communicate(timeout=250)
    assert last.returncode == 0, stderr
    record, (_, undisturbed) = json.loads(stdout.splitlines()[-1]), smoke
    assert {s["step"]: s["sha256"] for s in record["steps"]} == {s["step"]: s["sha256"] for s in undisturbed["steps"]}
    assert record["models"], "nothing was published"
