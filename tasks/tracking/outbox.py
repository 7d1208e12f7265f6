"""The outbox: events wait here, one file each, until MLflow has them. None is lost or sent twice.

HOME/outbox/<time>-<pid>-<n>.json   waits          HOME/outbox/refused/   MLflow will never take it; and why
HOME/outbox/shipped.jsonl           our id → MLflow's run id
"""

import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.home import Home
from tasks.store.artifacts import write_durably
from tasks.store.locks import exclusive_if_free

Event = dict[str, Any]


class Outbox:
    """The events of one home that wait to be shipped."""

    def __init__(self, home: Home) -> None:
        self.folder = home.outbox
        self._count = itertools.count()

    def put(self, event: Event) -> None:
        """Writes the event, atomically and durably."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._count):06d}.json"
        write_durably(self.folder / name, json.dumps(event).encode())

    def waiting(self) -> list[Path]:
        """The events' files, oldest first."""
        return sorted(self.folder.glob("[0-9]*.json"))

    def refuse(self, path: Path, reason: str) -> None:
        """Moves an event aside that MLflow rejects, so that those behind it can be sent."""
        refused = self.folder / "refused"
        refused.mkdir(exist_ok=True)
        write_durably(refused / path.name, json.dumps({"reason": reason, **json.loads(path.read_bytes())}).encode())
        path.unlink(missing_ok=True)

    def note(self, our_id: str, mlflow_run_id: str) -> None:
        """Appends MLflow's run id of `our_id`."""
        with (self.folder / "shipped.jsonl").open("a") as file:
            file.write(json.dumps([our_id, mlflow_run_id]) + "\n")

    def ids(self) -> dict[str, str]:
        """Our id → MLflow's run id, of everything shipped so far."""
        try:
            lines = (self.folder / "shipped.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return {}
        return dict(json.loads(line) for line in lines if line.endswith("]"))

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """True inside where no other process ships from this outbox now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with exclusive_if_free(self.folder / ".lock") as got:
            yield got
