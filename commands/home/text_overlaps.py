"""Where a text is quoted: a file quotes it that shares a run of words with it, in whatever format it holds them.

13 words is the length by which GPT-3's authors called an overlap no accident (arXiv 2005.14165, appendix C). A shorter
run tells as much where no other document has it.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

WORDS = 13
WORD = re.compile(r"\w+")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")  # as JSON and YAML spell letters beyond ASCII, in a string in a string
BINARY = (".safetensors", ".png", ".npy", ".lock")

Run = tuple[str, ...]  # consecutive words


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def runs_of(words: Sequence[str], length: int = WORDS) -> set[Run]:
    """All runs of that many words; fewer words are one run."""
    return {tuple(words[i : i + length]) for i in range(max(len(words) - length, 0) + 1) if words}


class Quotes:
    """Runs of words to look for."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = set(runs)
        self.lengths = sorted({len(run) for run in self.runs})
        self.first_words = {run[0] for run in self.runs}  # most words of a text are none of these: a fast no

    def within(self, text: str) -> bool:
        """Whether the text shares a run with ours."""
        words = words_of(ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))
        starts = (i for i, word in enumerate(words) if word in self.first_words)
        return any(tuple(words[i : i + length]) in self.runs for i in starts for length in self.lengths)

    def within_file(self, path: Path) -> bool:
        """The same of a file's text; False where it holds none that can be read, or went while others were read."""
        try:
            return any(self.within(text) for text in texts_of(path))
        except FileNotFoundError:  # a database's journal, a log that was turned over
            return False


def texts_of(path: Path) -> Iterator[str]:
    """The pieces of text in a file: table cells, JSON strings, lines."""
    if path.suffix in BINARY:
        return
    if path.suffix == ".parquet":
        yield from _parquet(path)
    elif path.suffix == ".arrow":
        yield from _arrow(path)
    elif path.suffix == ".db":
        yield from _sqlite(path)
    elif path.suffix in (".json", ".jsonl"):
        yield from _json(path)
    else:
        yield path.read_text(encoding="utf-8", errors="replace")


def _parquet(path: Path) -> Iterator[str]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(batch_size=1024):
            yield from _strings(batch.to_pylist())


def _arrow(path: Path) -> Iterator[str]:
    """The text columns of a stream; ids of tokens are no text."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
        names = [field.name for field in stream.schema if _may_hold_text(field.type)]
        for batch in stream:
            yield from _strings(batch.select(names).to_pylist())


def _may_hold_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        return _may_hold_text(kind.value_type)
    return types.is_string(kind) or types.is_large_string(kind) or types.is_struct(kind)


def _sqlite(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRT%'")
        for (table,) in tables.fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                yield from _strings(row)


def _json(path: Path) -> Iterator[str]:
    """The strings of a document or of each line; what is no JSON as it stands."""
    text = path.read_text(encoding="utf-8", errors="replace")
    for piece in text.split("\n") if path.suffix == ".jsonl" else [text]:
        try:
            yield from _strings(json.loads(piece))
        except ValueError:
            yield piece


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("utf-8", errors="replace")
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
