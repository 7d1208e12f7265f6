"""What a key does not see: the code of a step, the libraries, threads and CPU it ran with. Recorded, then compared."""

import ast
import hashlib
import os
import platform
import sys
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.step import Step


def code_digests(step: Step) -> dict[str, str]:
    """{module.name: digest} of each top-level definition a step names, comments and docstrings left out."""
    modules = (step.run.__module__, *step.code)
    return {f"{module}.{name}": digest for module in modules for name, digest in _definitions(module).items()}


def environment(step: Step) -> dict[str, Any]:
    """Versions of the libraries that touch the bytes, thread count and kind of CPU."""
    return {
        "libraries": {name: _version(name) for name in step.libraries},
        "python": platform.python_version(),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
        "cpu": _cpu(),
    }


@cache
def _definitions(module: str) -> dict[str, str]:
    spec = sys.modules[module].__spec__ if module in sys.modules else find_spec(module)
    if spec is None or spec.origin is None:  # a step defined in a notebook or a test's __main__
        return {}
    tree = ast.parse(Path(spec.origin).read_text())
    return {name: _digest(node) for node in tree.body if (name := _name(node))}


def _name(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _digest(node: ast.stmt) -> str:
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and ast.get_docstring(inner):
            inner.body = inner.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(node).encode()).hexdigest()[:12]


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def _cpu() -> str:
    """The machine's architecture with the vector extensions that choose other kernels, hence other last bits."""
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    try:
        flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return platform.machine()
    capped = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    return " ".join([platform.machine(), *(f for f in wanted if f in flags.split()), *([capped] if capped else [])])
