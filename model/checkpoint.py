"""Checkpoints: one safetensors file each, so that one rename makes it true.

Tensors are the weights and the optimizer's two moments of each; the header carries a JSON state (step, choices taken at
run time, how long each log was). Written beside its place, fsynced, renamed; the last two are kept.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

KEEP = 2
STATE = "state"  # the header's entry with the JSON


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
    """The checkpoint's file, whole on disk; older ones than the last two are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"step-{step:09d}.safetensors"
    partial = done.with_suffix(".partial")
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(on_cpu, partial, metadata={STATE: json.dumps(dict(state), sort_keys=True)})
    sync(partial)
    partial.rename(done)
    sync(folder)
    for old in found(folder)[:-KEEP]:
        old.unlink()
    return done


def found(folder: Path) -> list[Path]:
    """The checkpoints there are, oldest first."""
    return sorted(folder.glob("step-*.safetensors"))


def load(file: Path, device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and state as they were saved."""
    with safe_open(file, framework="pt", device=str(device)) as checkpoint:
        tensors = {name: checkpoint.get_tensor(name) for name in checkpoint.keys()}  # noqa: SIM118 (no mapping)
        return tensors, json.loads(checkpoint.metadata()[STATE])


def sync(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
