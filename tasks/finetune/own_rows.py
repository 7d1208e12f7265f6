"""Rows of a user's own file of JSON lines (or one .json array), for classification or instruction.

    classify   {"text": …, "label": …}
    instruct   {"prompt": …, "response": …} or {"instruction": …, "input": …, "output": …}
               or {"messages": [{"role": …, "content": …}, …]}

A row may name its `split` (train, validation, test) and its `origin` (what must stay in one split, such as an author
or a thread); else the hash of what is asked decides, so that a question never stands in two splits.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from tasks.errors import UserError
from tasks.hashing import file_sha256
from tasks.step import NOT_IN_KEY, Frozen

SPLITS = ("train", "validation", "test")
ROLES = ("system", "user", "assistant")
Row = dict[str, Any]
BUCKETS = 10_000


class OwnRows(Frozen):
    """Where a user's own rows lie. Their identity is the file's content; its path is only where to find it."""

    path: Annotated[Path | None, NOT_IN_KEY] = None
    sha256: str | None = None  # of the file, filled in when the recipe is read
    max_bad_rows: int = Field(default=10, ge=0)  # unreadable rows told of and left out; one more stops the run
    held_out: float = Field(default=0.1, gt=0, lt=0.5)  # share of a user's rows for validation, and again for test

    @model_validator(mode="before")
    @classmethod
    def is_known_by_its_content(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not values.get("path"):
            return values
        path = Path(values["path"]).expanduser().absolute()
        if not path.is_file():
            raise ValueError(f"{path} is no file: give the path of a .jsonl file")
        return {**values, "path": path, "sha256": values.get("sha256") or file_sha256(path)}

    @model_validator(mode="after")
    def leaves_rows_to_train_on(self) -> Self:
        if self.sha256 and not self.path:
            raise ValueError("sha256 stands without the path of its file")
        return self


def own_rows(config: OwnRows, read: Callable[[Row], Row], seed: int) -> tuple[list[Row], list[str]]:
    """All good rows in the file's order, each with its split and origin; and what was wrong with the bad ones."""
    path = config.path
    assert path is not None
    if file_sha256(path) != config.sha256:
        raise UserError(f"{path} changed after this run began", "leave it alone while a run reads it, and run again")
    rows: list[Row] = []
    bad: list[str] = []
    for number, line in _lines(path):
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("not an object")
            row = read(record)
        except ValueError as error:  # JSON's, UTF-8's and `read`'s own
            bad.append(f"{path.name}:{number}: {error}")
            continue
        origin = str(record.get("origin") or f"own#{digest(row['asked'])}")
        split = record.get("split") or _split(origin, config.held_out, seed)
        if split not in SPLITS:
            bad.append(f"{path.name}:{number}: split {split!r} is none of {', '.join(SPLITS)}")
            continue
        rows.append(row | {"origin": origin, "split": split, "doc_id": f"own/{number}"})
    if len(bad) > config.max_bad_rows:
        told = "\n  ".join([*bad[:5], *(["…"] if len(bad) > 5 else [])])
        cure = "mend these lines, or allow more with max_bad_rows"
        raise UserError(f"{path}: {len(bad)} of {len(bad) + len(rows)} rows cannot be used:\n  {told}", cure)
    return rows, bad


def labelled(record: Row) -> Row:
    """One text and its label."""
    text, label = _text(record, "text"), record.get("label")
    if label is None or isinstance(label, dict | list) or str(label).strip() == "":
        raise ValueError("no label")
    return {"text": text, "label": str(label), "asked": text}


def conversation(record: Row) -> Row:
    """One conversation that ends with the assistant, whatever of the three forms it came in."""
    if "messages" in record:
        messages = _messages(record["messages"])
    else:
        if "instruction" in record:
            given = record.get("input") or ""
            prompt = _text(record, "instruction") + (f"\n\n{given}" if given else "")
            response = _text(record, "output")
        else:
            prompt, response = _text(record, "prompt"), _text(record, "response")
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    *asked, last = messages
    return {"messages": messages, "response": last["content"], "kind": str(record.get("kind") or "own")} | {
        "prompt": "\n\n".join(message["content"] for message in asked),
        "asked": json.dumps(asked, ensure_ascii=False),
    }


def digest(text: str) -> str:
    """A short name of a text, equal for texts that differ in case and spaces only."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()[:16]


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not all(isinstance(message, dict) for message in value):
        raise ValueError("messages is no list of objects")
    messages = [{"role": _text(m, "role"), "content": _text(m, "content")} for m in value]
    unknown = {message["role"] for message in messages} - {*ROLES}
    if unknown:
        raise ValueError(f"role {sorted(unknown)[0]!r} is none of {', '.join(ROLES)}")
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise ValueError("messages must end with the assistant's answer to something")
    return messages


def _text(record: Row, key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"no {key!r}: a text that is not empty is expected, found {value!r:.60}")
    return value


def _lines(path: Path) -> Iterator[tuple[int, bytes | str]]:
    """Each row's JSON and its number: the line, or the place in the array of a .json file."""
    if path.suffix == ".json":
        try:
            rows = json.loads(path.read_bytes())
        except ValueError as error:
            raise UserError(f"{path}: not JSON: {error}", "mend it, or name a file of JSON lines .jsonl") from error
        yield from enumerate((json.dumps(row) for row in rows), 1)
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def _split(origin: str, held_out: float, seed: int) -> str:
    bucket = int(hashlib.sha256(f"{seed} {origin}".encode()).hexdigest()[:8], 16) % BUCKETS / BUCKETS
    return "validation" if bucket < held_out else "test" if bucket < 2 * held_out else "train"
