"""Checkpoints: one safetensors file each, so that one rename makes it true.

Tensors are the weights and the optimizer's two moments of each; the header carries a JSON state (step, choices taken at
run time, how long each log was) and a checksum of the tensors. Written beside its place, fsynced, renamed; the last two
are kept, so that a damaged one costs an interval and not the run.
"""

import json
import os
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

KEEP = 2
STATE, CHECKSUM = "state", "crc32"  # entries of the header


class Damaged(Exception):
    """A checkpoint's bytes are not those that were written."""


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
    """The checkpoint's file, whole on disk; older ones than the last two are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"step-{step:09d}.safetensors"
    partial = done.with_suffix(".partial")
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {STATE: json.dumps(dict(state), sort_keys=True), CHECKSUM: str(checksum(on_cpu))}
    save_file(on_cpu, partial, metadata=header)
    sync(partial)
    partial.rename(done)
    sync(folder)
    for old in checkpoints(folder)[:-KEEP]:
        old.unlink()
    return done


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints there are, oldest first."""
    return sorted(folder.glob("step-*.safetensors"))


def newest(folder: Path, device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and state of the last checkpoint that is whole; None where there is none yet."""
    files = checkpoints(folder)
    for file in reversed(files):
        try:
            return load(file, device)
        except Damaged as damage:
            print(f"{damage}: going back to the one before it", file=sys.stderr)
    if files:
        raise Damaged(f"no checkpoint in {folder} is whole")
    return None


def load(file: Path, device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and state as they were saved; Damaged where they are not."""
    try:
        with safe_open(file, framework="pt") as checkpoint:
            tensors = {name: checkpoint.get_tensor(name) for name in checkpoint.keys()}  # noqa: SIM118 (no mapping)
            header = checkpoint.metadata()
            state = json.loads(header[STATE])
    except (SafetensorError, ValueError) as error:
        raise Damaged(f"{file} cannot be read ({error})") from error
    if header[CHECKSUM] != str(checksum(tensors)):
        raise Damaged(f"{file} is not what was written")
    return {name: tensor.to(device) for name, tensor in tensors.items()}, state


def checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 of all tensors' bytes, in order of their names."""
    crc = 0
    for _, tensor in sorted(tensors.items()):
        crc = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, crc)
    return crc


def settle(partial: Path, done: Path) -> None:
    """Files on disk first, then their folder's name."""
    for file in partial.iterdir():
        sync(file)
    sync(partial)
    partial.rename(done)
    sync(done.parent)


def sync(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
