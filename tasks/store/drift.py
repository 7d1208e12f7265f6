"""What a key does not contain: a step's code, its libraries, threads and CPU. Recorded, and compared on a hit."""

import os
import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tasks.store.reachable_code import Definition, definition_of, digests, reachable, source_names, sources
from tasks.store.step import Frozen, Step


def code_digests(step: Step) -> dict[str, str]:
    """{module.name: digest} of all that the step's function reaches, and of the SQL that it runs."""
    return digests(_reachable(step))


def provenance(step: Step, config: Frozen) -> dict[str, Any]:
    """The entries of a manifest on all this: `sources` are the digests of the files that hold the `code`."""
    definitions = _reachable(step)
    return {
        "environment": environment(step, config),
        "code": digests(definitions),
        "sources": sources(source_names(definitions)),
    }


def drift(step: Step, manifest: Mapping[str, Any], config: Frozen | None) -> Iterator[str]:
    """Changes since an artifact was made that its key does not show: code, libraries, threads, kind of CPU."""
    then = manifest["code"]
    now = code_digests(step) if _is_touched(manifest) else then
    changed = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if changed:
        yield f"code changed since this was made: {', '.join(changed[:4])}{' …' if len(changed) > 4 else ''}"
    then, now = manifest["environment"], environment(step, config)
    for name in sorted(now["libraries"]):
        if (before := then["libraries"].get(name)) != now["libraries"][name]:
            yield f"made with {name} {before}, now {now['libraries'][name]}"
    for name in ("python", "cpu", *(("threads",) if config else ())):
        if then.get(name) != now[name]:
            yield f"made with {name} {then.get(name)}, now {now[name]}"


def _reachable(step: Step) -> frozenset[Definition]:
    return reachable(*((root, "") if isinstance(root, str) else definition_of(root) for root in (step.run, *step.code)))


def _is_touched(manifest: Mapping[str, Any]) -> bool:
    """Whether a file that held an artifact's code is another one now: without that no definition can be."""
    then = manifest.get("sources")
    return not then or then != sources(then)


def environment(step: Step, config: Frozen | None = None) -> dict[str, Any]:
    """Versions of the libraries that touch the bytes, thread count (the config's, if it has one) and kind of CPU."""
    own = getattr(config, "threads", None)
    return {
        "libraries": {name: _version(name) for name in step.libraries},
        "python": platform.python_version(),
        "threads": own or int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
        "cpu": _cpu(),
    }


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
