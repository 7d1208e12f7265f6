"""Several processes, none of which outlives the one that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.fan_out import fan_out


def square(n: int) -> int:
    return n * n


def refuse(n: int) -> int:
    raise UserError(f"{n} is bad", "take another")


def die(n: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def linger(folder: Path) -> None:
    (folder / f"{os.getpid()}").touch()
    time.sleep(300)


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(fan_out(square, range(9), 2)) == [n * n for n in range(9)]


def test_a_user_error_comes_home_whole() -> None:
    with pytest.raises(UserError, match=r"0 is bad\n  cure: take another"):
        list(fan_out(refuse, range(2), 2))


def test_a_killed_worker_is_an_error_and_no_hang() -> None:
    with pytest.raises(UserError, match=r"a worker process was killed\n.*workers=1"):
        list(fan_out(die, range(4), 2))


def test_workers_go_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tasks.fan_out import fan_out\n"
        "from tests.tasks.test_fan_out import linger\n"
        "if __name__ == '__main__': list(fan_out(linger, [Path(sys.argv[1])] * 2, 2))"
    )
    (tmp_path / "main.py").write_text(script)
    marks = tmp_path / "pids"
    marks.mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    parent = subprocess.Popen([sys.executable, str(tmp_path / "main.py"), str(marks)], env=environment)
    wait_until(lambda: len(list(marks.iterdir())) == 2)
    workers = [int(path.name) for path in marks.iterdir()]
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(is_running(pid) for pid in workers))


def wait_until(holds, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
