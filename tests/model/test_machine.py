"""Precision and compilation follow from what the machine reports, from the recipe, and from the length of the run."""

import pytest
import torch

from model import machine
from model.machine import FLOPS_THAT_PAY, pick_compiled, pick_dtype

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
FLOAT, BRAIN = torch.float32, torch.bfloat16


def cpu(patch: pytest.MonkeyPatch, avx512_bf16: bool, amx: bool, cap: str = "") -> None:
    patch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    patch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    patch.setenv("ONEDNN_MAX_CPU_ISA", cap)


@pytest.mark.parametrize(
    ("avx512_bf16", "amx", "cap", "chosen"),
    [
        (False, False, "", FLOAT),
        (True, False, "", BRAIN),
        (False, True, "", BRAIN),
        (True, True, "avx512_core", FLOAT),
        (True, True, "AVX2", FLOAT),
        (True, False, "AVX512_CORE_BF16", BRAIN),
        (False, False, "AVX512_CORE_AMX", FLOAT),
    ],
)
def test_a_cpu_trains_in_bfloat16_only_with_its_instructions_and_no_cap_on_them(
    monkeypatch, avx512_bf16, amx, cap, chosen
):
    cpu(monkeypatch, avx512_bf16, amx, cap)
    assert pick_dtype("auto", CPU) is chosen


@pytest.mark.parametrize(("supported", "chosen"), [(True, BRAIN), (False, FLOAT)])
def test_a_gpu_reports_its_own_precision_whatever_the_cpu_supports(monkeypatch, supported, chosen):
    cpu(monkeypatch, avx512_bf16=not supported, amx=not supported)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    assert pick_dtype("auto", GPU) is chosen


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
@pytest.mark.parametrize(("wanted", "chosen"), [("float32", FLOAT), ("bfloat16", BRAIN)])
def test_a_requested_precision_is_used_on_any_machine(monkeypatch, device, wanted, chosen):
    cpu(monkeypatch, avx512_bf16=wanted == "float32", amx=False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: wanted == "float32")
    assert pick_dtype(wanted, device) is chosen


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
@pytest.mark.parametrize(
    ("wanted", "share", "has_compiler", "compiles"),
    [
        ("auto", 1.0, True, True),
        ("auto", 0.99, True, False),
        ("auto", 1.0, False, False),
        (True, 0.0, False, True),
        (False, 100.0, True, False),
    ],
)
def test_a_run_of_enough_flops_is_compiled_where_there_is_a_compiler(
    monkeypatch, device, *, wanted, share, has_compiler, compiles
):
    monkeypatch.setattr(machine, "_has_compiler", lambda: has_compiler)
    assert pick_compiled(wanted, share * FLOPS_THAT_PAY[device.type], device) is compiles


@pytest.mark.parametrize("name", ["g++", "clang++", None])
def test_a_compiler_counts_only_where_pythons_headers_are_installed(monkeypatch, tmp_path, name):
    monkeypatch.setattr(machine.shutil, "which", lambda command: f"/usr/bin/{command}" if command == name else None)
    monkeypatch.setattr(machine.sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    assert not machine._has_compiler()
    (tmp_path / "Python.h").touch()
    assert machine._has_compiler() is (name is not None)
