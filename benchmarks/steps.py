"""Seconds and MB/s of each data step, tokens/s and MFU of training, on the demo recipe: `make bench`.

Every step runs in a new home. `--json` prints one row a line, as the benchmarks beside a peer do, with null in the
columns that compare.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, this folder is all that Python would look in

from benchmarks.ratio import NO_PEER
from flows.record import StepRecord
from flows.session import Request, open_session, perform
from tasks.home import Home

DATA_STEPS = ("ingest", "signals", "curate", "tokenizer", "encode")


def main() -> None:
    """One row a step on stdout, measured in one run of the recipe without Prefect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--steps", type=int, default=60, help="training steps to time")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:  # MLflow may still be making its tables
        changes = (f"pretrain.steps={arguments.steps}",)
        record = perform(open_session(Request(Home.at(home), arguments.recipe, changes, until="pretrain")))
        rows = [_row(step, _bytes_read(record.steps)) for step in record.steps]
    for row in rows:
        line = "  ".join(f"{name} {value}" for name, value in row.items() if name not in NO_PEER)
        print(json.dumps(row) if arguments.json else line)


def _row(step: StepRecord, bytes_read: float) -> dict[str, Any]:
    row = {"work": step.step, **NO_PEER, "seconds": step.seconds}
    if step.step in DATA_STEPS:
        rate = bytes_read / 1e6 / step.seconds
        return {**row, "megabytes_per_second": round(rate, 2)}
    speed = [json.loads(line) for line in (Path(step.path or "") / "timing" / "speed.jsonl").read_text().splitlines()]
    steady = speed[len(speed) // 4 :]  # the first steps fill caches
    rate, mfu = (statistics.median(row[name] for row in steady) for name in ("tokens_per_second", "mfu"))
    return {**row, "tokens_per_second": round(rate), "mfu": round(mfu, 3)}


def _bytes_read(steps: tuple[StepRecord, ...]) -> float:
    return next(step.metrics["bytes"] for step in steps if step.step == "ingest")


if __name__ == "__main__":
    main()
