"""Work folders of processes that live stay; those of processes that were killed go with the next one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tasks.home import Home
from tasks.store.scratch import scratch_folder, scratch_leftovers

REPOSITORY = Path(__file__).parents[3]
WORKS = """
import sys, time
from tasks.home import Home
from tasks.store.scratch import scratch_folder
with scratch_folder(Home.at(sys.argv[1]), "import") as folder:
    (folder / "weights").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_work_folder_goes_with_its_work_and_one_of_a_killed_process_with_the_next(tmp_path: Path):
    home = Home(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", WORKS, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            other = Path(process.stdout.readline().strip())
            with scratch_folder(home, "import") as folder:
                assert other.is_dir() and folder.is_dir() and not scratch_leftovers(home), (
                    "a living process works in it"
                )
            assert other.is_dir() and not folder.exists()
        finally:
            process.send_signal(signal.SIGKILL)
    assert scratch_leftovers(home) == [other]
    with scratch_folder(home, "import") as folder:
        assert [path for path in home.scratch.iterdir() if path.is_dir()] == [folder]
