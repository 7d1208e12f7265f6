"""Rows of a user's own file: JSON lines, a .json file of any layout, or a .csv or .tsv with a line of names.

What a row holds, a method says (conversations: row_formats.py). A row may name its `split` (train, validation, test)
and its `origin` (what must stay in one split, such as an author or a thread); else the hash of the question decides, so
that a question never stands in two splits; then the documents do, where one has the answer (placement.py).
"""

import codecs
import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.delimited.dialects import HEAD_CHARACTERS, table_dialect
from tasks.delimited.table_rows import TableRow, TableRows, column_names, complete_rows
from tasks.errors import UserError
from tasks.finetune.row_formats import Row
from tasks.store.hashing import file_sha256
from tasks.store.step import NOT_IN_KEY, Frozen

SPLITS = ("train", "validation", "test")
BUCKETS = 10_000
LOOKED_AT = 1_000  # rows, when the recipe is read: what would end the run is reported before any work
TABLES = (".csv", ".tsv")
LONGEST_ROW = 32 << 20  # characters, in a .json file or a table


class OwnRows(Frozen):
    """Where a user's own rows lie. Their identity is the file's content; its path is only where to find it."""

    path: Annotated[Path | None, NOT_IN_KEY] = None
    sha256: str | None = None  # of the file, filled in when the recipe is resolved
    encoding: str | None = None  # of a file that is not UTF-8
    max_bad_rows: int = Field(default=10, ge=0)  # unreadable rows left out with a note; one more stops the run
    held_out: float = Field(default=0.1, gt=0, lt=0.5)  # share of a user's rows for validation, and again for test
    seed: int = 0

    @model_validator(mode="after")
    def names_a_file_and_an_encoding(self) -> Self:
        if self.sha256 and not self.path:
            raise ValueError("sha256 stands without the path of its file")
        try:
            "".encode(self.encoding or "utf-8")
        except LookupError as error:
            raise ValueError(f"no encoding of text is named {self.encoding!r}: try cp1252, iso8859_2") from error
        return self

    def resolve(self) -> Self:
        """The same with the file's absolute path and hash; ValueError where its first rows cannot be used."""
        if self.path is None:
            return self
        path = self.path.expanduser().absolute()
        if not path.is_file():
            raise ValueError(f"{path} is no file: give the path of a .jsonl, .json, .csv or .tsv file")
        resolved = self.model_copy(update={"path": path, "sha256": file_sha256(path)})
        try:
            first = [_row(resolved, *record) for record in islice(_records(path, self.encoding), LOOKED_AT)]
            _refuse(resolved, *_good_and_bad(first), is_whole=len(first) < LOOKED_AT)
        except UserError as error:
            raise ValueError(f"{error.what}; {error.cure}") from error
        return resolved

    def tally(self, most: int) -> tuple[int, int, bool]:
        """Rows that can be used, rows that cannot, and whether all were tried: after `most`, by the file's size."""
        assert self.path is not None
        tried = good = size = 0
        for number, text in islice(_records(self.path, self.encoding), most):
            tried, size = tried + 1, size + len(text)
            good += not isinstance(_row(self, number, text), str)
        scale = max(1.0, self.path.stat().st_size / size) if tried == most else 1.0
        return round(good * scale), round((tried - good) * scale), tried < most

    def read(self, record: Row) -> Row:
        """The row that a record is, and its `question`; ValueError where it is none."""
        return record | {"question": json.dumps(record)}

    def expressions(self) -> Iterator[tuple[str, str]]:
        """The keys of the recipe's table that hold SQL of its own, and what they hold."""
        yield from ()


def own_rows(config: OwnRows) -> tuple[list[Row], list[str]]:
    """All good rows in the file's order, each with its split and origin; and what was wrong with the bad ones."""
    path = config.path
    assert path is not None
    if file_sha256(path) != config.sha256:
        raise UserError(f"{path} changed after this run began", "leave it alone while a run reads it, and run again")
    rows, bad = _good_and_bad([_row(config, *record) for record in _records(path, config.encoding)])
    _refuse(config, rows, bad, is_whole=True)
    return rows, bad


def _row(config: OwnRows, number: int, text: bytes | str) -> Row | str:
    """The row with its split and origin, or what is wrong with it."""
    assert config.path is not None
    if isinstance(text, str):
        return f"{config.path.name}:{number}: {text}"
    try:
        record = json.loads(text)
        if not isinstance(record, dict):
            raise ValueError("not an object")
        row = config.read(record)
        origin = str(record.get("origin") or f"own#{digest(row['question'])}")
        split = record.get("split") or _split(origin, config.held_out, config.seed)
        if split not in SPLITS:
            raise ValueError(f"split {split!r} is none of {', '.join(SPLITS)}")
    except ValueError as error:  # JSON's, UTF-8's and `read`'s own
        return f"{config.path.name}:{number}: {error}"
    except RecursionError:
        return f"{config.path.name}:{number}: nested too deeply"
    return row | {"origin": origin, "split": split, "doc_id": f"own/{number}", "names_split": bool(record.get("split"))}


def _good_and_bad(tried: Sequence[Row | str]) -> tuple[list[Row], list[str]]:
    return [row for row in tried if not isinstance(row, str)], [fault for fault in tried if isinstance(fault, str)]


def _refuse(config: OwnRows, rows: Sequence[Row], bad: Sequence[str], is_whole: bool) -> None:
    """UserError where too many rows are bad, or a split has none of all of them."""
    faults = "".join(f"\n  {line}" for line in [*bad[:5], *(["…"] if len(bad) > 5 else [])])
    if len(bad) > config.max_bad_rows or (bad and not rows and is_whole):
        cure = "correct these lines" + (", or allow more with max_bad_rows" if rows else "")
        raise UserError(f"{config.path}: {len(bad)} of {len(bad) + len(rows)} rows cannot be used:{faults}", cure)
    empty = [split for split in SPLITS if not any(row["split"] == split for row in rows)]
    if empty and is_whole:
        what = f"{config.path}: none of {len(rows)} rows falls into the split {' nor '.join(empty)}"
        raise UserError(what, "add rows, raise held_out, or give rows their `split`")


def digest(text: str) -> str:
    """A short name of a text, equal for texts that differ in case and spaces only."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()[:16]


def _records(path: Path, encoding: str | None) -> Iterator[tuple[int, bytes | str]]:
    """The JSON of each row, or its fault, and its number: the line, or the place among the values of a .json file."""
    if path.suffix.lower() == ".json":
        yield from _json_values(path, encoding)
        return
    if path.suffix.lower() in TABLES:
        yield from _table_rows(path, encoding)
        return
    if encoding:
        with path.open(encoding=encoding, errors="replace", newline="\n") as text:
            yield from ((number, line.encode()) for number, line in enumerate(text, 1) if line.strip())
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def _table_rows(path: Path, given: str | None) -> Iterator[tuple[int, bytes | str]]:
    """Those of a table, as objects; a cell that is empty is no value. The number is that of a row's last line."""
    encoding = given or _unicode(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            dialect = table_dialect(path.name, file.read(HEAD_CHARACTERS))
            file.seek(0)
            if dialect.has_sep_line:
                file.readline()
            rows = complete_rows(TableRows(file, dialect, LONGEST_ROW), dialect)
            names = column_names(next(rows, TableRow([], [])).cells)
            for row in rows:
                record = {name: cell for name, cell in zip(names, row.cells, strict=False) if cell}
                yield row.last_line + dialect.has_sep_line, row.fault or json.dumps(record).encode()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not {given or 'UTF-8'}: {error}", "save it as UTF-8, or name its `encoding`"
        ) from error


def _json_values(path: Path, given: str | None) -> Iterator[tuple[int, bytes | str]]:
    """As ingest reads such a file: one array, one object, or several after another."""
    from tasks.json_values import BrokenValue, json_values

    with path.open(encoding=given or _unicode(path), errors="surrogateescape") as file:
        for number, value in enumerate(json_values(file, LONGEST_ROW), 1):
            if isinstance(value, BrokenValue) and not value.is_last:
                yield number, f"not JSON: {value.fault}"
                continue
            if isinstance(value, BrokenValue):
                what = f"{path}: row {number} is not JSON, and nothing after it can be read: {value.fault}"
                raise UserError(what, "correct it there, or give a file of JSON lines (.jsonl)")
            yield number, value.encode(errors="surrogateescape")


def _unicode(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _split(origin: str, held_out: float, seed: int) -> str:
    bucket = int(hashlib.sha256(f"{seed} {origin}".encode()).hexdigest()[:8], 16) % BUCKETS / BUCKETS
    return "validation" if bucket < held_out else "test" if bucket < 2 * held_out else "train"
