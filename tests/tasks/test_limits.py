"""Limits of memory, open files and disk end a process with a reason and a fix, in processes that really have them."""

import shutil
import subprocess
import sys

import pytest

from tasks.errors import as_user_error
from tasks.limits import is_out_of_memory

LIMITED = "import resource as r; r.setrlimit(r.RLIMIT_{0}, ({1}, {1}))\nfrom tasks.limits import *\n"
HANG = """
import threading
class Greedy(threading.Thread):
    def _bootstrap(self):
        raise MemoryError  # as where its stack or its first frame gets none: `start` then waits for ever
end_when_a_thread_gets_no_memory()
Greedy().start()
"""
IN_A_THREAD = """
import threading
end_when_a_thread_gets_no_memory()
threading.Thread(target=lambda: bytearray(4 << 30)).start()
threading.Event().wait()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("code", [HANG, IN_A_THREAD])
def test_a_thread_that_gets_no_memory_ends_the_process_with_its_reason(code: str) -> None:
    done = run(LIMITED.format("AS", 1 << 30) + code)
    assert done.returncode == 1
    assert "error: out of memory: a program may use 1.1 GB" in done.stderr and "fix: ulimit -v unlimited" in done.stderr


def test_too_few_open_files_are_an_error_that_names_the_limit() -> None:
    done = run(LIMITED.format("NOFILE", 24) + "require_limits()")
    assert "a program may open 24 files here" in done.stderr and "ulimit -n 1024" in done.stderr


def test_too_little_memory_for_the_libraries_is_an_error_before_they_are_loaded() -> None:
    done = run(LIMITED.format("AS", 1_500_000 * 1024) + "require_limits()")
    assert "too little memory: a program may use 1.5 GB" in done.stderr and "ulimit -v unlimited" in done.stderr


def test_a_limit_that_may_be_raised_is_raised() -> None:
    code = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (24, 512))\nfrom tasks.limits import *\n"
    done = run(f"{code}require_limits(); print(r.getrlimit(r.RLIMIT_NOFILE))")
    assert done.stdout.strip() == "(512, 512)", done.stderr


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (ImportError("No module named 'x'"), False),
        (OSError(2, "No such file"), False),
    ],
)
def test_memory_that_ran_out_is_known_whoever_reports_it(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_a_full_disk_is_known_from_the_copy_of_a_tree() -> None:
    files = [("a/weights", "b/weights", "[Errno 28] No space left on device: 'a/weights' -> 'b/weights'")]
    report = as_user_error(shutil.Error(files), "the registry")
    assert report and report.what == "the registry: No space left on device" and "free some space" in report.cure
    assert as_user_error(shutil.Error([("a", "b", "[Errno 2] No such file")])) is None
