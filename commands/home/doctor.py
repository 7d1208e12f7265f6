"""`triptych doctor`: what of this machine and home can spoil a run or expose it; each finding with a fix."""

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.version import Version

from commands.home.doctor_processes import findings
from flows.retention import usage
from flows.servers import detached_process
from flows.servers.prefect_api import PrefectApi
from flows.servers.prefect_server import running
from flows.servers.up import STOPPED_IN_ORDER
from flows.session import check_writable
from tasks.errors import UserError
from tasks.home import Home
from tasks.readable_numbers import bytes_in_words
from tasks.tracking.registry_tables import RegistryTables
from tasks.tracking.server import VARIABLE, mlflow_server

FLOORS = {"mlflow": "3.11", "torch": "2.10", "prefect": "3.8"}  # safety and behaviour the code relies on
CEILINGS = {
    "fastapi": ("0.151", "the Prefect server then silently creates no scheduled runs"),
    "sqlalchemy": ("2.1", "flows crash under Prefect 3.8"),
    "xxhash": ("4.0", "every datatrove hash breaks"),
}
DISK_BYTES_WANTED = 4 << 30
MUCH_GARBAGE = 1 << 30  # bytes


def examine(home: Home) -> list[dict[str, Any]]:
    """One row a finding: level (ok, warning, error), what, cure."""
    rows = [_python(), *_versions(), _home(home), _disk(home), _cpu(), _compiler(), _torch_build()]
    return [*rows, *_garbage(home), *_mlflow(home), *_processes(home), *findings(home)]


def _row(level: str, what: str, cure: str = "") -> dict[str, Any]:
    return {"level": level, "what": what, "cure": cure}


def _python() -> dict[str, Any]:
    return _row("ok", f"Python {platform.python_version()}")


def _versions() -> list[dict[str, Any]]:
    rows = []
    for name, floor in FLOORS.items():
        if _version(name) < Version(floor):
            rows.append(_row("error", f"{name} {metadata.version(name)} is below the floor", "make setup"))
    for name, (ceiling, why) in CEILINGS.items():
        if _version(name) >= Version(ceiling):
            rows.append(_row("error", f"{name} {metadata.version(name)}: {why}", "make setup"))
    rows += [_row("error", what, "make setup") for what in _outside_their_ranges()]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("prefect", "mlflow", "datatrove", "duckdb"))
    return rows or [_row("ok", versions)]


def _outside_their_ranges() -> list[str]:
    """What triptych requires and this environment has not, or has in a version that was not seen to work."""
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(line) for line in metadata.requires("triptych") or ()]
    except metadata.PackageNotFoundError:  # a checkout that is not installed says nothing of itself
        return []
    mismatches = []
    for needs in requirements:
        if needs.marker and not needs.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(needs.name)
        except metadata.PackageNotFoundError:
            mismatches.append(f"{needs.name} is not installed")
            continue
        if not needs.specifier.contains(version, prereleases=True) and needs.name not in CEILINGS:
            mismatches.append(f"{needs.name} {version} is outside {needs.specifier}")
    return mismatches


def _version(name: str) -> Version:
    return Version(metadata.version(name))


def _home(home: Home) -> dict[str, Any]:
    try:
        check_writable(home)
    except UserError as error:
        return _row("error", error.what, error.cure)
    return _row("ok", f"home {home} can be written")


def _disk(home: Home) -> dict[str, Any]:
    free = home.free_bytes()
    if free < DISK_BYTES_WANTED:
        return _row(
            "warning", f"{free / 2**30:.1f} GiB free for {home}", "free some space, or set TRIPTYCH_HOME elsewhere"
        )
    return _row("ok", f"{free / 2**30:.0f} GiB free")


def _garbage(home: Home) -> list[dict[str, Any]]:
    """What the home holds, and what could be freed where that is worth a word."""
    try:
        disk = usage(home)
    except UserError as error:
        return [_row("error", error.what, error.cure)]
    spare = disk["can_go"] + disk["partials"]
    if spare < MUCH_GARBAGE:
        return [_row("ok", f"the home holds {bytes_in_words(disk['bytes'])}", "triptych gc shows it by step")]
    return [_row("warning", f"{spare / 1e9:.1f} GB of the home are needed by nothing", "triptych gc --partials")]


def _mlflow(home: Home) -> list[dict[str, Any]]:
    """That the server elsewhere answers, and what is registered beside it; `_garbage` reports one that does not."""
    server = mlflow_server()
    if not server or server.away():
        return []
    rows = [_row("ok", f"the MLflow server {server} answers")]
    if own := RegistryTables(home).versions(None):
        what = f"{len(own)} versions in the home's own MLflow are not used, as {VARIABLE} names {server}"
        rows.append(_row("warning", what, f"run their recipes again, which publishes them there; or unset {VARIABLE}"))
    return rows


def _cpu() -> dict[str, Any]:
    from tasks.pretrain import PRETRAIN
    from tasks.store.drift import environment

    cpu = environment(PRETRAIN)["cpu"]
    if "bf16" not in cpu:
        return _row("ok", f"{os.cpu_count()} CPUs, {cpu}: training in float32, as there are no bf16 instructions")
    return _row("ok", f"{os.cpu_count()} CPUs, {cpu}: training in bf16")


def _compiler() -> dict[str, Any]:
    compiler = next((name for name in ("g++", "clang++") if shutil.which(name)), None)
    if compiler is None:
        return _row("ok", "no C++ compiler: torch.compile is left out, training is somewhat slower")
    return _row("ok", f"C++ compiler {compiler}: torch.compile can be used for long runs")


def _torch_build() -> dict[str, Any]:
    """A GPU build where there is no GPU costs gigabytes of disk and nothing else."""
    version = metadata.version("torch")
    nvidia = any(d.metadata["Name"].startswith("nvidia-cu") for d in metadata.distributions() if d.metadata["Name"])
    if nvidia and not Path("/dev/nvidia0").exists():
        return _row(
            "warning",
            f"torch {version} is a GPU build on a machine without one",
            "install a CPU wheel: see README.md, top",
        )
    return _row("ok", f"torch {version}")


def _processes(home: Home) -> list[dict[str, Any]]:
    servers = {name: detached_process.find(home, name) for name in STOPPED_IN_ORDER}
    rows = [
        _row("ok", f"{name} runs, process {process.pid} {process.url}".strip(), "triptych up --stop ends it")
        for name, process in servers.items()
        if process is not None
    ]
    return rows + _open_server(home)


def _open_server(home: Home) -> list[dict[str, Any]]:
    """The Prefect server of the home where it asks for no password: one that an earlier version started."""
    import httpx

    if (prefect := running(home)) is None:
        return []
    try:
        PrefectApi(prefect.url, "nobody:").get("/admin/version")
    except httpx.HTTPStatusError:
        return []
    what = f"the Prefect server at {prefect.page} takes orders from every program and every web page on this machine"
    return [_row("error", what, "triptych up --stop; the next start has a password")]
