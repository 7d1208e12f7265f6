"""The line without Prefect, as a process that can be killed.

`python -m tests.end_to_end.bare HOME RECIPE [KEY=VALUE …] [--until STEP]` prints the record; exit code 1 where the run
failed.
"""

import json
import sys
from pathlib import Path

from flows.session import Request, opened, perform


def main() -> int:
    home, recipe, *rest = sys.argv[1:]
    until = rest[rest.index("--until") + 1] if "--until" in rest else ""
    changes = tuple(change for change in rest if "=" in change)
    record = perform(opened(Request(Path(home), recipe, changes, until=until)))
    print(json.dumps(record.as_json(), ensure_ascii=False))
    return 0 if record.state == "complete" else 1


if __name__ == "__main__":
    sys.exit(main())
