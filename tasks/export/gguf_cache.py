"""GGUF files that llama.cpp answers from: made of a model's weights when first needed, proved, and kept in the home.

    HOME/gguf/SHA256-QUANT.gguf     SHA256: of the model's files, the first half of it

They are never in a key: whatever is removed here is made again. The few used last stay; `triptych gc` removes those of
models that are no longer registered.
"""

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from tasks.errors import UserError
from tasks.export.llama_settings import process_environment
from tasks.home import Home
from tasks.progress import say
from tasks.store.locks import exclusive, exclusive_if_free, hold_to_the_end, is_held, unheld

LOCK = ".lock"  # in the folder: held to write, to choose and to remove a file
KEPT = 6  # used last
LENGTH = 32  # of the hash, in the file's name
REFUSED = 3  # exit status of a model that cannot be GGUF, whose reason is on stdout


def cached_gguf(weights: Path, sha256: str, quant: str, home: Home) -> Path:
    """The GGUF of a folder of weights; UserError where it cannot be one."""
    file = home.gguf / f"{sha256[:LENGTH]}-{quant}.gguf"
    try:
        home.gguf.mkdir(parents=True, exist_ok=True)
        with exclusive(home.gguf / LOCK):
            if not file.is_file():
                say(f"a GGUF file ({quant}) of {weights} is written for llama.cpp")
                partial = file.with_suffix(".partial")
                try:
                    _write(weights, partial, quant)
                except UserError:
                    partial.unlink(missing_ok=True)
                    raise
                with partial.open("rb") as written:
                    os.fsync(written.fileno())
                partial.replace(file)
                _remove_but_latest(home)
            file.touch()
            hold_to_the_end(file)  # llama.cpp is started anew from it where it ends
    except OSError as error:
        cure = "point TRIPTYCH_HOME at a folder that can be written, or take --engine decoder"
        raise UserError(f"{home.gguf}: {error.strerror}", cure) from error
    return file


def unused_ggufs(home: Home, in_use: Collection[str]) -> list[Path]:
    """The files of models whose hash is not among these, and that no process answers from."""
    kept = {sha256[:LENGTH] for sha256 in in_use}
    others = (file for file in sorted(home.gguf.glob("*.gguf")) if file.name.partition("-")[0] not in kept)
    return [file for file in others if not is_held(file)]


def remove_gguf(file: Path) -> bool:
    """False where a process answers from it, or writes another."""
    with exclusive_if_free(file.with_name(LOCK)) as got:
        return got and _remove(file)


def _remove(file: Path) -> bool:
    with unheld(file) as is_free:
        if is_free:
            file.unlink()
        return is_free


def _write(weights: Path, file: Path, quant: str) -> None:
    """In a process of its own: a server goes on answering, and neither torch nor the weights stay in its memory."""
    command = [sys.executable, "-m", "tasks.export.gguf_cache", str(weights), str(file), quant]
    environment = process_environment(Path(__file__).parents[2])
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == REFUSED:
        raise UserError(*json.loads(done.stdout))
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise UserError(f"{weights}: it cannot be written as GGUF ({last})", "take --engine decoder")


def _main() -> None:
    from tasks.export.formats import write_proved_gguf

    weights, file, quant = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    try:
        write_proved_gguf(weights, file, quant, Home.current())
    except UserError as error:
        print(json.dumps([error.what, error.cure]))
        sys.exit(REFUSED)


def _remove_but_latest(home: Home) -> None:
    latest_first = sorted(home.gguf.glob("*.gguf"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in latest_first[KEPT:]:
        _remove(file)


if __name__ == "__main__":
    _main()
