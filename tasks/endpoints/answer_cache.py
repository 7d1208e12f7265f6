"""Answers of models elsewhere, by the request that they answer: the same request is sent and paid once.

HOME/answers.db   request (SHA-256 of address, model and body; never a key) → answer (JSON), when it came (unix s)
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tasks.errors import UserError

TABLE = "CREATE TABLE IF NOT EXISTS answers (request TEXT PRIMARY KEY, answer TEXT NOT NULL, received REAL NOT NULL)"
LOCK_SECONDS = 30.0


class AnswerCache:
    """Several processes may use it at once."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to that request; None where none has been received."""
        if not self.file.is_file():
            return None
        with self._connection() as connection:
            row = connection.execute("SELECT answer FROM answers WHERE request = ?", [_digest(request)]).fetchone()
        return json.loads(row[0]) if row else None

    def write(self, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keeps it, in place of an older one."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        row = (_digest(request), json.dumps(answer, ensure_ascii=False), time.time())
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.file, timeout=LOCK_SECONDS)) as connection, connection:
                connection.execute(TABLE)
                yield connection
        except sqlite3.DatabaseError as error:
            cure = "remove it: every request is then sent, and paid, again"
            raise UserError(f"{self.file}: answers received before cannot be read ({error})", cure) from error


def _digest(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
