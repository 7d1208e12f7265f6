"""The process that holds llama.cpp: `python -m serve.llama_child SPEC`, started by llama_process.py.

SPEC is JSON. The server listens at a Unix socket in a folder of the parent's; one line on stdout says that it is up.
It ends when its standard input does: with the parent, however that ends.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Any

from tasks.export.llama_settings import common_parameters

IDLE_MIB = 256  # where slots share cells, idle ones give theirs up to this, or every text would be compared with them
EMBEDDING_TOKENS = 512  # of one text, which llama.cpp reads in one piece


def parameters(spec: dict[str, Any]) -> Any:
    """llama.cpp's parameters to serve with."""
    xllamacpp: Any = import_module("xllamacpp")
    given = common_parameters(spec["file"], spec["threads"])
    settings = {
        "hostnames": [spec["socket"]],
        "n_parallel": spec["slots"],
        "n_ctx": spec["cells"],
        "kv_unified": spec["shared"],
        "n_ubatch": EMBEDDING_TOKENS,
        "embedding": True,
        "pooling_type": xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN,
        "cache_ram_mib": IDLE_MIB if spec["shared"] else 0,
        "endpoint_slots": False,
    }
    for name, value in settings.items():
        setattr(given, name, value)
    return given


def main() -> None:
    xllamacpp: Any = import_module("xllamacpp")
    spec = json.loads(sys.argv[1])
    server = xllamacpp.Server(parameters(spec))
    print(server.listening_address, flush=True)
    while os.read(0, 1):
        pass
    rmtree(Path(spec["socket"]).parent, ignore_errors=True)
    os._exit(0)  # the memory goes back at once; nothing of it is to be kept


if __name__ == "__main__":
    main()
