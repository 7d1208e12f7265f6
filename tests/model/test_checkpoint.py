"""Checkpoints and logs: whole, or not there."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from model import checkpoint
from model.training_log import METRICS, Logs

CPU = torch.device("cpu")
WRITER = """
import sys, torch
from pathlib import Path
from model import checkpoint
tensor = torch.arange(500_000)
for step in range(1, 10_000):
    checkpoint.save(Path(sys.argv[1]), step, {"x": tensor + step}, {"step": step})
    print(step, flush=True)
"""


def test_a_checkpoint_loads_what_was_saved(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(3, 4), "b": torch.arange(5)}
    file = checkpoint.save(tmp_path, 12, tensors, {"step": 12, "log_lengths": {"metrics.jsonl": 99}})
    loaded, state = checkpoint.load(file, CPU)
    assert state == {"step": 12, "log_lengths": {"metrics.jsonl": 99}}
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        checkpoint.save(tmp_path, step, {"a": torch.zeros(1)}, {"step": step})
    assert [checkpoint.load(file, CPU)[1]["step"] for file in checkpoint.checkpoints(tmp_path)] == [10, 15]


def test_a_kill_while_writing_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(random.randrange(1, 30)):
            writer.stdout.readline()
        time.sleep(random.uniform(0, 0.01))
        writer.kill()
    assert checkpoint.checkpoints(tmp_path)
    for file in checkpoint.checkpoints(tmp_path):
        tensors, state = checkpoint.load(file, CPU)
        assert torch.equal(tensors["x"], torch.arange(500_000) + state["step"])


@pytest.mark.parametrize("place", [20, -5])  # in the header, in the tensor
def test_a_flipped_byte_loses_one_checkpoint_and_not_the_run(
    place: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (5, 10):
        file = checkpoint.save(tmp_path, step, {"a": torch.full((9,), float(step))}, {"step": step})
    content = bytearray(file.read_bytes())
    content[place] ^= 0x40
    file.write_bytes(content)
    newest = checkpoint.newest(tmp_path, CPU)
    assert newest is not None
    assert (newest[1]["step"], newest[0]["a"][0]) == (5, 5.0)
    assert "step-000000010.safetensors" in capsys.readouterr().err


def test_without_an_undamaged_checkpoint_training_says_so(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path, CPU) is None
    checkpoint.save(tmp_path, 5, {"a": torch.zeros(9)}, {"step": 5}).write_bytes(b"cut")
    with pytest.raises(checkpoint.Damaged, match=f"no checkpoint in {tmp_path} is whole"):
        checkpoint.newest(tmp_path, CPU)


def test_a_resumed_log_drops_the_lines_after_the_checkpoint(tmp_path: Path) -> None:
    log = Logs(tmp_path, {})
    log.write(METRICS, {"step": 1})
    at_checkpoint = log.lengths()
    log.write(METRICS, {"step": 2, "loss": 9})
    log.close()
    with (tmp_path / METRICS).open("ab") as file:
        file.write(b'{"step": 3, "lo')  # the kill tore this line
    log = Logs(tmp_path, at_checkpoint)
    log.write(METRICS, {"step": 2})
    log.close()
    assert (tmp_path / METRICS).read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_log_shorter_than_at_its_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has 0 bytes, and the checkpoint to go on from saw 7"):
        Logs(tmp_path, {METRICS: 7})
