"""Training as a child process: started, listened to, ended with us, and its failures told as the user's errors.

The child's standard input is its life line: while we live the pipe stays open, and however we die the kernel closes it.
It runs in a session of its own, so that Ctrl-C reaches us alone and we hand it on by letting go of the line.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

from pydantic import Field

from model.schedule import OptimizerSettings
from model.spec import TrainingSettings
from tasks.errors import UserError
from tasks.progress import clear_state, is_terminal, say, show_state
from tasks.readable_numbers import seconds_in_words
from tasks.store.step import NOT_IN_KEY, Frozen

if TYPE_CHECKING:
    from model.spec import Spec

LINES_TOLD = 15  # of a crashed child's standard error
SECONDS_BETWEEN_LINES = 10.0  # of progress, where standard error is no terminal
PROGRAM = "model.train"
CODE = Path(__file__).parents[1]  # where `model` is found


class TrainingConfig(TrainingSettings, OptimizerSettings, Frozen):
    """What every step that trains takes from a recipe."""

    ranks: int = Field(default=1, ge=1)
    threads: Annotated[int, NOT_IN_KEY] = Field(default=2, ge=1)
    checkpoint_every: Annotated[int, NOT_IN_KEY] = Field(default=100, ge=1)  # steps

    def settings(self) -> dict[str, Any]:
        """The fields of TrainingSettings, for a Spec."""
        return self.model_dump(include=set(TrainingSettings.model_fields))

    def optimizer_settings(self) -> dict[str, Any]:
        """The fields of OptimizerSettings, for an OptimizerConfig."""
        return self.model_dump(include=set(OptimizerSettings.model_fields))


def train(spec: "Spec", ranks: int = 1, what: str = "training") -> None:
    """Trains as the spec says, or goes on where an earlier child was ended; `spec.out/weights` is there afterwards."""
    if (spec.out / "weights").is_dir():
        return
    spec.work.mkdir(parents=True, exist_ok=True)
    (spec.work / "error.json").unlink(missing_ok=True)
    file = spec.work / "spec.json"
    file.write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    with (spec.work / "stderr.txt").open("w+", encoding="utf-8", errors="replace") as stderr:
        code = _run(_command(file, ranks), _environment(max(1, spec.threads // ranks)), stderr, what)
        if code:
            raise _failure(code, spec.work, stderr)


def tidy(out: Path) -> None:
    """Removes what only a resume needs; the last thing a step does."""
    shutil.rmtree(out / "work", ignore_errors=True)


def last_metrics(log: Path, names: Sequence[str]) -> dict[str, float]:
    """Where training came: of a step's own metrics the mean of the last tenth, of the validation's the last value.

    One batch's loss is noise of the batch.
    """
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").split("\n") if line]
    tail = rows[-max(1, len(rows) // 10) :]
    metrics = dict[str, float]()
    for name in (name for name in names if name in rows[-1]):
        values = [row[name] for row in (rows[-1:] if name.startswith("val_") else tail) if name in row]
        metrics[name] = sum(values) / len(values)
    return metrics | {"steps": float(rows[-1]["step"])}


def _command(spec: Path, ranks: int) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"] if ranks > 1 else []
    return [sys.executable, *launcher, "-m", PROGRAM, str(spec)]


def _environment(threads: int) -> dict[str, str]:
    """Threads that wait do not spin: on cores shared with anything else, spinning made steps 4 to 20 times slower."""
    path = os.pathsep.join(filter(None, (str(CODE), os.environ.get("PYTHONPATH", ""))))
    count = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return os.environ | {"PYTHONPATH": path, "OMP_WAIT_POLICY": "PASSIVE"} | count


def _run(command: list[str], environment: Mapping[str, str], stderr: IO[str], what: str) -> int:
    """The child's exit code; a KeyboardInterrupt goes on once its checkpoint is on disk."""
    with _start(command, environment, stderr) as child:
        assert child.stdin is not None and child.stdout is not None
        try:
            _show(child.stdout, what)
            return child.wait()
        except BaseException:
            child.stdin.close()  # the life line: every rank ends with a checkpoint
            say(f"  {what}: ending with a checkpoint; a rerun goes on from there")
            for _ in child.stdout:  # a full pipe must not hold it up
                pass
            child.wait()
            raise


def _start(command: list[str], environment: Mapping[str, str], stderr: IO[str]) -> "subprocess.Popen[str]":
    """The child; a signal to end waits until the child heeds it (model/lifeline.py): importing torch takes seconds."""
    is_launcher = PROGRAM not in command[:3]  # torchrun heeds it by itself, and its ranks once they have imported
    held = signal.pthread_sigmask(signal.SIG_BLOCK, () if is_launcher else (signal.SIGTERM, signal.SIGINT))
    try:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            text=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _show(lines: Iterator[str], what: str) -> None:
    """Relays progress: one line that is written over on a terminal, a line now and then elsewhere."""
    due = time.monotonic() + SECONDS_BETWEEN_LINES
    for line in lines:
        if not line.startswith("{"):
            continue  # a launcher's own words
        row = json.loads(line)
        if is_terminal():
            show_state(_progress(row))
        elif time.monotonic() >= due:
            due = time.monotonic() + SECONDS_BETWEEN_LINES
            say(f"  {what}: {_progress(row)}")
    clear_state()


def _progress(row: Mapping[str, Any]) -> str:
    parts = [f"{row['step']:,} of {row['steps']:,} steps", f"loss {row['loss']:.3f}"]
    parts += [f"{row[name]:.3f} {unit}" for name, unit in (("val_bits_per_byte", "bits/byte"),) if name in row]
    left = f"{seconds_in_words(round(row['seconds_left']))} left"
    return " · ".join([*parts, f"{row['tokens_per_second']:,.0f} tokens/s", f"MFU {row['mfu']:.0%}", left])


def _failure(code: int, work: Path, stderr: IO[str]) -> UserError:
    """What the child said of its own failure, or its last words."""
    rerun = "run again: it goes on from the last checkpoint"
    if (told := work / "error.json").is_file():
        return UserError(**json.loads(told.read_text(encoding="utf-8")))
    stderr.seek(0)
    words = "\n".join(f"    {line.rstrip()}" for line in stderr.readlines()[-LINES_TOLD:])
    if code == 130:
        return UserError("training was ended from outside; it left a checkpoint", rerun)
    if code == -15:
        return UserError("training was ended from outside before its first step", rerun)
    if code == -9:
        return UserError(f"training was killed (signal 9: out of memory?)\n{words}", f"lower batch, then {rerun}")
    return UserError(f"training crashed with exit code {code}; its last words:\n{words}", f"mend that, then {rerun}")
