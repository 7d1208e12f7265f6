"""The line without Prefect, as a process that can be killed.

`python -m tests.end_to_end.bare HOME RECIPE [KEY=VALUE …] [--until STEP] [--without-mlflow]` prints the record; exit
code 1 where the run failed. Without MLflow its events wait in the outbox, and nothing imports it: seconds a start.
"""

import json
import sys
from pathlib import Path

from flows.session import Request, opened, perform
from tasks.tracking.tracker import Shipper


def main() -> int:
    home, recipe, *rest = sys.argv[1:]
    until = rest[rest.index("--until") + 1] if "--until" in rest else ""
    if "--without-mlflow" in rest:
        Shipper.ship, Shipper.follow = (lambda _: True), (lambda *_: None)
    changes = tuple(change for change in rest if "=" in change)
    record = perform(opened(Request(Path(home), recipe, changes, until=until)))
    print(json.dumps(record.as_json(), ensure_ascii=False))
    return 0 if record.state == "complete" else 1


if __name__ == "__main__":
    sys.exit(main())
