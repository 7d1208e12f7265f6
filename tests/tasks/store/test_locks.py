"""Lock files: waiting, refusal, and release when the holder is killed."""

import subprocess
import sys
import threading
from pathlib import Path

from tasks.store.locks import exclusive, exclusive_if_free, is_held, shared

HOLD = """
import sys
from pathlib import Path
from tasks.store.locks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path):
    path = tmp_path / "in" / "a.lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        assert is_held(path)
        with exclusive_if_free(path) as acquired:
            assert not acquired
        holder.kill()
        holder.wait()
        assert not is_held(path)
        with exclusive_if_free(path) as acquired:
            assert acquired


def test_waiting_for_a_lock_is_reported_and_ends_with_the_lock(tmp_path, capsys):
    path, acquired = tmp_path / "a.lock", threading.Event()

    def wait() -> None:
        with exclusive(path, "waiting for the other"):
            acquired.set()

    with exclusive(path):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not acquired.wait(0.2)
    thread.join(timeout=30)
    assert acquired.is_set()
    assert capsys.readouterr().err == "waiting for the other\n"


def test_a_lock_can_be_shared_but_then_not_held_alone(tmp_path):
    path = tmp_path / "a.lock"
    with shared(path), shared(path), exclusive_if_free(path) as acquired:
        assert not acquired
        assert is_held(path)
    assert not is_held(path)


def test_a_lock_that_was_never_taken_is_not_held_and_checking_makes_no_file(tmp_path: Path):
    assert not is_held(tmp_path / "a.lock")
    assert not list(tmp_path.iterdir())
