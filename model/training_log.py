"""What a training writes as it goes on: logs of one JSON object a line, cut back on resume, and its speed and progress.

A checkpoint records how long each log was. Lines after it belong to steps that will be done again: a resume cuts them
off, and a killed run ends with the bytes of an undisturbed one. Only steps count in the rates: evaluation, samples and
checkpoints are left out.
"""

import json
import os
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from model.spec import Spec

METRICS, SPEED, SAMPLES = "metrics.jsonl", "timing/speed.jsonl", "samples.jsonl"
NAMES = (METRICS, SPEED, SAMPLES)
SECONDS_BETWEEN_LINES = 0.5


class Logs:
    """`logs.write(METRICS, {"step": 1, "loss": 5.0})`."""

    def __init__(self, out: Path, lengths: Mapping[str, int]) -> None:
        self._files = {name: _open_log(out / name, lengths.get(name, 0)) for name in NAMES}

    def write(self, name: str, row: Mapping[str, Any]) -> None:
        file = self._files[name]
        file.write(json.dumps(dict(row), ensure_ascii=False, allow_nan=False).encode() + b"\n")
        file.flush()

    def lengths(self) -> dict[str, int]:
        """Bytes of each log, all of them on disk."""
        for file in self._files.values():
            os.fsync(file.fileno())
        return {name: file.tell() for name, file in self._files.items()}

    def close(self) -> None:
        self.lengths()
        for file in self._files.values():
            file.close()


class Throughput:
    """Starts its clock at once, at `step` steps done."""

    def __init__(self, spec: Spec, step: int, flops_per_token: float, peak_flops: float) -> None:
        self.flops_per_token, self.peak_flops = flops_per_token, peak_flops
        self.steps, self.first, self.step = spec.schedule.steps, step, step
        self.seconds, self.tokens = 0.0, 0  # of all steps since the clock started
        self.stdout_closed = False  # the parent process no longer reads our progress
        self._since, self._printed = time.monotonic(), 0.0

    def update(self, step: int, tokens: int) -> dict[str, Any]:
        """What the steps since the last call took, as a row of the speed log; `tokens` of all ranks since the start."""
        now = time.monotonic()
        seconds, new = now - self._since, tokens - self.tokens
        self._since, self.step, self.seconds, self.tokens = now, step, self.seconds + seconds, tokens
        tokens_per_second = new / seconds
        mfu = tokens_per_second * self.flops_per_token / self.peak_flops
        rates = {"tokens_per_second": round(tokens_per_second, 1), "mfu": round(mfu, 4)}
        return {"step": step, "seconds": round(self.seconds, 3), **rates}

    @contextmanager
    def paused(self) -> Generator[None]:
        start = time.monotonic()
        yield
        self._since += time.monotonic() - start

    def print_progress(self, metrics: Mapping[str, Any], speed: Mapping[str, Any]) -> None:
        """One line of progress, at most two a second, and always the last."""
        now = time.monotonic()
        if now - self._printed < SECONDS_BETWEEN_LINES and self.step < self.steps:
            return
        self._printed = now
        left = self.seconds / (self.step - self.first) * (self.steps - self.step)
        line = {**speed, **metrics, "steps": self.steps, "seconds_left": round(left, 1)}
        try:
            print(json.dumps(line), flush=True)
        except BrokenPipeError:
            self.stdout_closed = True


def _open_log(path: Path, length: int) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size if path.exists() else 0
    if size < length:
        raise ValueError(f"{path} has {size} bytes, and the checkpoint to go on from saw {length}")
    file = path.open("ab")
    file.truncate(length)
    file.seek(length)
    return file
