"""The files that grow as training goes on: one JSON object a line, flushed at once, cut back on resume.

A checkpoint notes how long each log was. Lines after it belong to steps that will be done again, so a resume cuts them
off, and a killed run ends with the bytes of an undisturbed one.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

METRICS, SPEED, SAMPLES = "metrics.jsonl", "timing/speed.jsonl", "samples.jsonl"
NAMES = (METRICS, SPEED, SAMPLES)


class Logs:
    """`logs.write(METRICS, {"step": 1, "loss": 5.0})`."""

    def __init__(self, out: Path, lengths: Mapping[str, int]) -> None:
        self._files = {name: _opened(out / name, lengths.get(name, 0)) for name in NAMES}

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


def _opened(path: Path, length: int) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    found = path.stat().st_size if path.exists() else 0
    if found < length:
        raise ValueError(f"{path} has {found} bytes, and the checkpoint to go on from saw {length}")
    file = path.open("ab")
    file.truncate(length)
    file.seek(length)
    return file
