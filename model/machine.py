"""What this machine can do: device, precision, whether to compile, and its peak rate for MFU."""

import os
import shutil
import sysconfig
import time
from pathlib import Path
from typing import Literal

import torch

# a whole run's FLOPs from which compiling, 30 to 70 s cold, is won back; by work, not seconds, so that it never flips
FLOPS_THAT_PAY = {"cpu": 5e13, "cuda": 1e17}
# dense bf16 FLOP/s from the vendors' data sheets
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "A10G": 70e12, "RTX 4090": 165e12}


def pick_device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def pick_dtype(wanted: Literal["auto", "float32", "bfloat16"], device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it; emulated, it is a thousand times slower than float32."""
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted]
    native = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_multiplies_bf16()
    return torch.bfloat16 if native else torch.float32


def pick_compiled(wanted: bool | Literal["auto"], run_flops: float, device: torch.device) -> bool:
    """Whether to compile: the run is long enough, and there is a compiler."""
    if wanted != "auto":
        return wanted
    return run_flops >= FLOPS_THAT_PAY[device.type] and _has_compiler()


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of a large matrix product: from the table for known GPUs, otherwise the best of a short trial here."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for known, peak in PEAKS.items():
            if known in name:
                return peak
    n = 4096 if device.type == "cuda" else 1024
    a_nn = torch.full((n, n), 0.5, device=device, dtype=dtype)
    return 2.0 * n**3 / min(_seconds_of_product(a_nn, a_nn) for _ in range(8))


def _seconds_of_product(a: torch.Tensor, b: torch.Tensor) -> float:
    start = time.perf_counter()
    (a @ b).sum().item()
    return time.perf_counter() - start


WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"}  # oneDNN's names of caps


def _cpu_multiplies_bf16() -> bool:
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BF16:
        return False
    return (
        torch.cpu._is_avx512_bf16_supported()  # pyright: ignore[reportPrivateUsage]
        or torch.cpu._is_amx_tile_supported()  # pyright: ignore[reportPrivateUsage]
    )


def _has_compiler() -> bool:
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return headers.is_file() and any(shutil.which(name) for name in ("g++", "clang++", "c++"))
