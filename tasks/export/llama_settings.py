"""How llama.cpp is run wherever triptych runs it: to prove an export, and to serve."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

ERRORS = 1  # of what llama.cpp logs, the errors
OFF = ("fit_params", "ui", "warmup")
SPINS = "6000"  # its threads meet many times a token: those that sleep at once lose a quarter, those that never do, all


def common_parameters(file: Path | str, threads: int) -> Any:
    """xllamacpp's CommonParams for a model's file; what is not set here is as llama.cpp has it."""
    xllamacpp: Any = import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.verbosity = ERRORS
    parameters.swa_full = True  # else a shorter prompt after a longer one is answered from a cache that lacks its start
    for name in OFF:
        setattr(parameters, name, False)
    return parameters


def process_environment(code: Path) -> dict[str, str]:
    """Of a process that runs llama.cpp, with the packages in the folder `code`."""
    path = os.pathsep.join(filter(None, (str(code), os.environ.get("PYTHONPATH", ""))))
    environment = os.environ | {"PYTHONPATH": path, "GOMP_SPINCOUNT": SPINS}
    environment.pop("OMP_WAIT_POLICY", None)
    return environment
