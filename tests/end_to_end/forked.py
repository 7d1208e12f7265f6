"""The command line as processes that are quick to start: each is forked off one that has imported what they all need.

`python tests/end_to_end/forked.py` reads one request a line, {"home", "arguments", "prefect", "mlflow", "folder",
"stdout", "stderr"}, answers with the pid of its process, and once that has ended with its exit code. Such a process is
like any other to signals, to its children and at its exit. Prefect is not imported before: it reads its settings then.
It runs as a file, like the installed command: under `-m`, Python forgets the exit code after a Ctrl-C within an `exec`.
"""

import gc
import importlib
import json
import os
import sys
from typing import Any

LIBRARIES = (
    "torch", "spacy", "datasets", "sklearn.feature_extraction.text", "tokenizers",
    "mlflow.store.db.utils",
)  # fmt: skip
OURS = ("flows.start", "flows.session", "commands.show", "tasks.report.page", "triptych")


def main() -> None:
    for module in LIBRARIES:
        importlib.import_module(module)
    gc.freeze()  # else each process goes through all of these once more when it ends: two seconds
    for module in OURS:
        importlib.import_module(module)
    for line in sys.stdin:
        if not (pid := os.fork()):
            become(**json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def become(
    *, home: str, arguments: list[str], prefect: bool, mlflow: bool, folder: str, stdout: str, stderr: str
) -> None:
    """Goes on as `triptych ARGUMENTS` and ends as that does."""
    import triptych
    from flows import start
    from tasks.tracking.tracker import Shipper

    for descriptor, path, flags in ((0, os.devnull, os.O_RDONLY), (1, stdout, os.O_WRONLY), (2, stderr, os.O_WRONLY)):
        os.dup2(os.open(path, flags), descriptor)
    os.chdir(folder)
    os.environ["TRIPTYCH_HOME"] = home
    if not prefect:
        start.run_pipeline = without_prefect
    if not mlflow:  # its events wait in the outbox
        Shipper.ship, Shipper.follow = (lambda _: True), (lambda *_: None)
    sys.argv = ["triptych", *arguments]
    triptych.console_script()


def without_prefect(request: Any) -> Any:
    """`flows.start.run_pipeline` with no server and no page; what is interrupted ends as in `flows.pipeline`."""
    from flows.session import open_session, perform

    record = perform(open_session(request))
    if record.state == "interrupted":
        raise KeyboardInterrupt
    return record


if __name__ == "__main__":
    main()
