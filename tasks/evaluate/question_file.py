"""Questions of a user's own, read strictly: JSON lines, or a .csv or .tsv with the same columns and a line of names.

id         (optional) names the question, once in the file; by default the number of its line
prompt     the question as a text; or
messages   a conversation that ends with the user's turn: [{"role": "user", "content": "…"}]
answers    the accepted answers, each of which is right: a list; in a table also a single one as it is
kind       how a given answer is compared with them: exact, contains, number, pattern, f1, json, choice
choices    what is chosen among, a list; with kind choice

answer_kinds.py says what each kind compares. A file with any row that cannot be used is refused, all of them at once.
"""

import codecs
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from model.chat import ROLES, Turn
from tasks.delimited.dialects import HEAD_CHARACTERS, table_dialect
from tasks.delimited.table_rows import TableRow, TableRows, column_names, complete_rows
from tasks.errors import UsageError
from tasks.evaluate.answer_kinds import CHOICE, KINDS

COLUMNS = ("id", "prompt", "messages", "answers", "kind", "choices")
TABLES = (".csv", ".tsv")
MAX_FILE_BYTES, MAX_ROW = 64 << 20, 1 << 20  # of a file; characters of a row
MAX_FAULTS_SHOWN = 10
EXAMPLE = '{"prompt": "…", "answers": ["…"], "kind": "exact"}'


@dataclass(frozen=True)
class OwnQuestion:
    """One question. `answers` are as its kind compares them: texts, numbers, objects or compiled patterns."""

    id: str
    turns: tuple[Turn, ...]
    kind: str
    answers: tuple[Any, ...]
    choices: tuple[str, ...] = ()

    @property
    def prompt(self) -> str:
        """All turns as one text, a paragraph each: what a model reads that continues texts."""
        return "\n\n".join(turn.text for turn in self.turns)


@dataclass(frozen=True)
class QuestionFile:
    name: str  # of its task: questions/STEM
    questions: tuple[OwnQuestion, ...]


def read_questions(path: Path) -> QuestionFile:
    """The questions in the file's order; UsageError that names every line which cannot be used."""
    _check_file(path)
    records = _table_records(path) if path.suffix.lower() in TABLES else _json_records(path)
    questions, faults, line_of = list[OwnQuestion](), list[str](), dict[str, int]()
    for line, record in records:
        try:
            if isinstance(record, str):
                raise ValueError(record)
            question = _question(line, record)
            if question.id in line_of:
                raise ValueError(f"its id {question.id!r} is that of line {line_of[question.id]} too; name each once")
            line_of[question.id] = line
            questions.append(question)
        except ValueError as error:
            faults.append(f"\n  line {line}: {error}")
    if faults:
        more = f"\n  and {len(faults) - MAX_FAULTS_SHOWN} more" if len(faults) > MAX_FAULTS_SHOWN else ""
        total = len(faults) + len(questions)
        what = f"{path}: {len(faults)} of {total} questions cannot be used:"
        raise UsageError(what + "".join(faults[:MAX_FAULTS_SHOWN]) + more, "correct these lines")
    if not questions:
        raise UsageError(f"{path}: no question in it", f"one JSON object a line: {EXAMPLE}")
    return QuestionFile(task_name(path), tuple(questions))


def task_name(path: Path) -> str:
    """`questions/ours` of `ours.jsonl`."""
    return f"questions/{path.stem}"


def content_of(path: Path) -> str:
    """One SHA-256 over the task's name and the file's content: what a key holds instead of its place."""
    _check_file(path)
    return hashlib.sha256(f"{task_name(path)}\n".encode() + path.read_bytes()).hexdigest()


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"{path}: no such file", "give a file of questions, .jsonl or .csv")
    try:
        with path.open("rb") as file:
            head = file.read(2)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "give a file that can be read") from error
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UsageError(f"{path}: more than {MAX_FILE_BYTES >> 20} MB", "give a part of these questions")
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise UsageError(f"{path}: its text is UTF-16", "save it as UTF-8")


def _json_records(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """The object of each line, or what is wrong with it. Lines end with \\n alone: texts hold other ends of lines."""
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            line = data.removeprefix(codecs.BOM_UTF8) if number == 1 else data
            if not line.strip():
                continue
            try:
                record = _loads(line.decode())
            except UnicodeDecodeError as error:
                yield number, f"byte {error.start + 1} of the line is no UTF-8; save the file as UTF-8"
                continue
            except ValueError as error:
                hint = "; of one list, `jq -c '.[]' FILE` makes lines" if line.lstrip()[:1] == b"[" else ""
                yield number, f"not JSON: {error}; write one object a line{hint}"
                continue
            yield number, record if isinstance(record, dict) else f"no JSON object; write e.g. {EXAMPLE}"


def _loads(text: str) -> Any:
    """The value of a JSON text; ValueError where a key stands twice in an object, and where a number is none."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"the key {twice!r} stands twice")
        return dict(pairs)

    def no_number(name: str) -> None:
        raise ValueError(f"{name} is no number")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _table_records(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """The cells of each row by the columns' names, those left out that are empty, or what is wrong with the row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            dialect = table_dialect(path.name, file.read(HEAD_CHARACTERS))
            file.seek(0)
            if dialect.has_sep_line:
                file.readline()
            rows = complete_rows(TableRows(file, dialect, MAX_ROW), dialect)
            names = column_names(next(rows, TableRow([], [])).cells)
            if unknown := [name for name in names if name not in COLUMNS]:
                raise UsageError(f"{path}: {_unknown(unknown[0], 'column')}", f"name the columns {', '.join(COLUMNS)}")
            for row in rows:
                record: dict[str, Any] = {n: cell for n, cell in zip(names, row.cells, strict=False) if cell.strip()}
                yield row.last_line + dialect.has_sep_line, row.fault or _with_lists(record)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: {error}", "save it as UTF-8 (Excel: CSV UTF-8)") from error


def _with_lists(record: dict[str, Any]) -> Mapping[str, Any] | str:
    """The record with the lists that its cells hold as JSON; what is wrong where a list is needed and is none."""
    for name in ("messages", "choices", "answers"):
        if name not in record:
            continue
        try:
            cell = _loads(record[name])
        except ValueError:
            cell = None
        if isinstance(cell, list):
            record[name] = cell
        elif name == "answers":
            record[name] = [record[name]]
        else:
            return f'{name} is no list; write it as JSON: ["…", "…"]'
    return record


def _question(line: int, record: Mapping[str, Any]) -> OwnQuestion:
    """ValueError says what is wrong with the record and how to write it."""
    if unknown := [name for name in record if name not in COLUMNS]:
        raise ValueError(_unknown(unknown[0], "key"))
    kind = record.get("kind")
    if kind not in KINDS:
        near = get_close_matches(str(kind), KINDS, n=1)
        known = f"did you mean {near[0]!r}?" if near else f"give one of {', '.join(KINDS)}"
        raise ValueError("no kind; " + known if kind is None else f"no kind {kind!r}; {known}")
    name = record.get("id", str(line))
    if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
        raise ValueError(f"its id {name!r} is no name; give a text or a whole number, or leave it out")
    choices = _choices(record, kind)
    return OwnQuestion(str(name).strip(), _turns(record), kind, _answers(record, kind, choices), choices)


def _unknown(name: str, what: str) -> str:
    near = get_close_matches(name.lower(), COLUMNS, n=1)
    return f"unknown {what} {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(COLUMNS)}")


def _turns(record: Mapping[str, Any]) -> tuple[Turn, ...]:
    if ("prompt" in record) == ("messages" in record):
        raise ValueError("give prompt or messages" + (", not both" if "prompt" in record else ""))
    if "prompt" in record:
        return (Turn("user", _text(record["prompt"], "prompt")),)
    messages = record["messages"]
    if not isinstance(messages, list) or not messages:
        raise ValueError('messages is no list of turns; write [{"role": "user", "content": "…"}]')
    for message in messages:
        if not isinstance(message, dict) or set(message) != {"role", "content"} or message["role"] not in ROLES:
            raise ValueError(f"a message has a role ({', '.join(ROLES)}) and a content, and nothing else")
    turns = tuple(Turn(message["role"], _text(message["content"], "content")) for message in messages)
    if turns[-1].role != "user":
        raise ValueError(f"the last message is the {turns[-1].role}'s; end with the user's, which is to be answered")
    return turns


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {'empty' if value in ('', None) or isinstance(value, str) else 'no text'}")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(f"{name} holds half a character (a lone surrogate); write it whole")
    return value


def _choices(record: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    choices = record.get("choices")
    if kind != CHOICE:
        if choices is not None:
            raise ValueError(f"choices go with kind {CHOICE}; leave them out, or change the kind")
        return ()
    if not isinstance(choices, list) or len(choices) < 2:
        raise ValueError("kind choice needs choices, a list of two or more")
    texts = tuple(_text(choice, "one of the choices") for choice in choices)
    if len(set(texts)) < len(texts):
        raise ValueError("two of the choices are equal")
    return texts


def _answers(record: Mapping[str, Any], kind: str, choices: Sequence[str]) -> tuple[Any, ...]:
    answers = record.get("answers")
    if not isinstance(answers, list):
        raise ValueError('no answers; write a list: ["…"]' if answers is None else 'answers is no list; write ["…"]')
    if not answers:
        raise ValueError("answers is empty; give at least one that is right")
    if kind == CHOICE and (strange := [answer for answer in answers if answer not in choices]):
        raise ValueError(f"the answer {strange[0]!r} is none of the choices; write it as it stands there")
    return tuple(KINDS[kind].read(answer) for answer in answers)
