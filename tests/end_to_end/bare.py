"""The line without Prefect, as a process that can be killed: `python -m tests.end_to_end.bare HOME RECIPE [KEY=VALUE …]`."""

import json
import sys
from pathlib import Path

from flows.session import Request, opened, perform


def main() -> None:
    home, recipe, *changes = sys.argv[1:]
    record = perform(opened(Request(Path(home), recipe, tuple(changes))))
    print(json.dumps(record.as_json()))


if __name__ == "__main__":
    main()
