"""What is left after kills, with too little of everything, and with damage: `python -m benchmarks.reliability --write`.

Each row breaks something for real, runs the recipe `smoke` again, and compares every step's bytes with those of a run
that nothing disturbed. `--write` puts the rows into benchmarks/reliability.md, `--json` prints one a line. It takes
some half an hour on two cores.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, this folder is all that Python would look in

from benchmarks import starvation
from benchmarks.interruptions import Hashes, Promise, Work, copy_of, differing, hashes, kill_all, seconds_until
from benchmarks.ratio import NO_PEER
from flows.session import git_commit
from tasks.home import Home

TABLE = Path(__file__).with_suffix(".md")
EARLIEST, LATEST = 0.5, 25.0  # seconds of a run before a strike
INTERVAL, INTERVALS = 100, 10  # steps between checkpoints, some fifteen seconds; checkpoints between kills
TRAINING = ("pretrain.batch=128", "pretrain.steps=2500", f"pretrain.checkpoint_every={INTERVAL}")
GROUPS = ("kill", "train", "starve", "damage")
MARKS = {True: "✓", False: "✗", None: "not tried"}
TESTED = (  # by the tests alone: each breaks the thing for real
    ("0 steps are lost to SIGTERM and Ctrl-C", "tests/tasks/test_training.py"),
    ("one rank resumes from two; no document is seen twice or skipped", "tests/tasks/test_training.py"),
    ("Prefect stopped during a run: the same results", "tests/flows/servers/test_reconcile.py"),
    ("a read-only home: reading works, writing ends with a fix", "tests/flows/test_read_only.py"),
    ("a killed worker process ends the step with a fix", "tests/tasks/test_pool.py"),
    ("gc removes exactly what nothing needs", "tests/flows/test_retention.py"),
)


def main() -> None:
    """The rows on stdout, and in the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strikes", type=int, default=30, help="kills at random moments of the whole line")
    parser.add_argument("--seed", type=int, default=0, help="of these moments")
    parser.add_argument("--only", choices=GROUPS, help="one group of rows; --write leaves the others as they are")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"into {TABLE.name}")
    arguments = parser.parse_args()
    rows = _written() if arguments.only else {}
    groups = [arguments.only] if arguments.only else GROUPS
    with tempfile.TemporaryDirectory(prefix="triptych-reliability-") as folder:
        for row in _rows(Path(folder), groups, arguments.strikes, random.Random(arguments.seed)):
            line = json.dumps({"work": row.promise, **NO_PEER, **asdict(row)})
            print(line if arguments.json else f"{MARKS[row.held]} {row.promise}: {row.test}: {row.figure}", flush=True)
            rows[row.promise] = row
    if arguments.write:
        TABLE.write_text(_as_markdown(list(rows.values())), encoding="utf-8")


def _rows(folder: Path, groups: Sequence[str], strikes: int, moments: random.Random) -> Iterator[Promise]:
    whole = Home.at(folder / "undisturbed")
    undisturbed = hashes(Work(whole).finish())
    if "kill" in groups:
        yield _killed_line(folder, undisturbed, strikes, moments)
    if "train" in groups:
        yield from _killed_training(copy_of(whole, folder / "training"), moments)
    if "starve" in groups:
        yield starvation.too_few_files(folder, undisturbed)
        yield starvation.too_little_memory(folder, undisturbed)
        yield starvation.full_disk(folder, undisturbed)
        yield starvation.mlflow_locked(folder, undisturbed)
    if "damage" in groups:
        yield starvation.flipped_byte(folder, whole, undisturbed)
        yield starvation.truncated_file(folder, whole, undisturbed)


def _written() -> dict[str, Promise]:
    """The rows of the table that is there, by promise."""
    marks = {mark: held for held, mark in MARKS.items()}
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {c[0]: Promise(c[0], c[1], c[2], marks[c[3]]) for c in cells if len(c) == 4 and c[3] in marks}


def _killed_line(folder: Path, undisturbed: Hashes, strikes: int, moments: random.Random) -> Promise:
    """A run and all it started are killed again and again in one home, until one comes to its end; then a new home."""
    struck, homes, wrong = 0, 0, list[str]()
    while struck < strikes:
        work = Work(Home.at(folder / f"killed{homes}"))
        while struck < strikes:
            process = work.start()
            try:
                process.communicate(timeout=moments.uniform(EARLIEST, LATEST))
                break
            except subprocess.TimeoutExpired:
                kill_all(process)
                struck += 1
        wrong += differing(undisturbed, hashes(work.finish()))
        homes += 1
        shutil.rmtree(work.home)
    figure = f"{struck} strikes in {homes} homes; {len(wrong)} of {homes * len(undisturbed)} steps differ"
    promise = "a step is complete and verified, or absent; training that resumes is equal to the last bit"
    return Promise(promise, "SIGKILL of everything at random moments", figure, not wrong)


def _killed_training(home: Home, moments: random.Random) -> Iterator[Promise]:
    """One training, killed with all its processes somewhere in every eleventh checkpoint interval."""
    work = Work(home, changes=TRAINING, only="pretrain")
    back, lost, paces, began, done = list[float](), list[int](), list[float](), time.monotonic(), 0
    while True:
        process, start = work.start(), time.monotonic()
        _until_steps(work, process, above=_last_checkpoint(home), other_than=done)  # a log is cut back at first
        back.append(time.monotonic() - start)
        first, at = work.steps_of("pretrain"), time.monotonic()
        target = done + INTERVAL * INTERVALS + moments.randrange(INTERVAL)
        _until_steps(work, process, above=target)
        paces.append((time.monotonic() - at) / (work.steps_of("pretrain") - first))  # of the last stretch too
        if process.poll() is not None:
            break
        kill_all(process)
        lost.append(work.steps_of("pretrain") - _last_checkpoint(home))
        done = work.steps_of("pretrain")
    process.communicate()
    wall, steps = time.monotonic() - began, work.steps_of("pretrain")
    how = f"{len(lost)} × SIGKILL, every {INTERVALS} checkpoint intervals of {INTERVAL} steps"
    share = steps * statistics.median(paces) / wall
    yield Promise("at most one checkpoint interval is lost", how, f"{max(lost)} steps at most", max(lost) <= INTERVAL)
    yield Promise("back at work within 10 s", how, f"{max(back):.1f} s at most", max(back) <= 10)
    yield Promise("90 % effective time", how, f"{share:.0%} of {wall:.0f} s", share >= 0.9)


def _until_steps(work: Work, process: "subprocess.Popen[str]", above: int, other_than: int = -1) -> None:
    """Waits until the training has logged so many steps, or has ended."""
    seconds_until(lambda: above < work.steps_of("pretrain") != other_than or process.poll() is not None)


def _last_checkpoint(home: Home) -> int:
    steps = [int(path.stem.split("-")[1]) for path in home.store.glob("pretrain/*.partial/work/checkpoints/*-*")]
    return max(steps, default=0)


def _as_markdown(rows: list[Promise]) -> str:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        "# What holds when things go wrong",
        "",
        f"Written by `python -m benchmarks.reliability --write` on {datetime.now(UTC):%Y-%m-%d} ({machine}; code",
        f"{git_commit() or 'unknown'}). Each row broke the thing for real, with the recipe `smoke`; bytes are compared",
        "with those of a run that nothing disturbed. `--only GROUP` measures some of the rows and leaves the others.",
        "",
        "| promise | broken by | figure | |",
        "|---|---|---|---|",
        *(f"| {row.promise} | {row.test} | {row.figure} | {MARKS[row.held]} |" for row in rows),
        "",
        "Tested on every change, without a figure:",
        "",
        "| promise | test |",
        "|---|---|",
        *(f"| {promise} | {test} |" for promise, test in TESTED),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
