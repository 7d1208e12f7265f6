"""Multiple-choice tasks in lm-eval's format, read from local files: a YAML file, and the JSON lines it names.

KEYS are those of lm-eval 0.4 that are obeyed, IGNORED those that change no score here; any other is an error.
`data_files` are relative to the YAML file (lm-eval: to the working directory, so run it from there).
"""

import ast
import hashlib
import json
import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import UsageError

KEYS = {
    "task", "output_type", "dataset_path", "dataset_kwargs", "test_split", "validation_split",
    "doc_to_text", "doc_to_choice", "doc_to_target", "target_delimiter", "metric_list",
}  # fmt: skip
IGNORED = {"dataset_name", "fewshot_delimiter", "fewshot_split", "metadata", "num_fewshot", "tag", "task_alias"} | {
    "training_split", "should_decontaminate", "doc_to_decontamination_query", "description"
}  # fmt: skip
TYPES: dict[str, tuple[type, ...]] = {
    "task": (str,),
    "doc_to_text": (str,),
    "doc_to_choice": (str, list),
    "doc_to_target": (str, int, list),
    "target_delimiter": (str,),
    "test_split": (str, type(None)),
    "validation_split": (str, type(None)),
    "dataset_kwargs": (dict, type(None)),
}
MAX_TASK_BYTES = 1_000_000
MAX_SHOWN = 200  # characters of a value in a message
LITERAL_ERRORS = (SyntaxError, TypeError, ValueError, MemoryError, RecursionError)
CURE = (
    "triptych reads the multiple-choice part of lm-eval's format from local JSON lines (tasks/evaluate/task_files.py)"
)


@dataclass(frozen=True)
class Question:
    item_id: str
    context: str
    choices: tuple[str, ...]
    gold: tuple[int, ...]  # any of these is right
    delimiter: str = " "  # between the context and a choice
    origin: str = ""  # questions of one origin are resampled together in an interval


@dataclass(frozen=True)
class Task:
    name: str
    questions: tuple[Question, ...]


def read_task(path: Path) -> Task:
    """The task of one YAML file; UsageError where the file needs more than is supported."""
    task = _read_yaml(path)
    documents = [document for file in _data_files(path, task) for document in _documents(file)]
    if not documents:
        raise UsageError(f"{path}: its data files have no row", CURE)
    name = str(task["task"])
    return Task(name, tuple(_question(path, task, number, row) for number, row in enumerate(documents)))


def content_of(paths: Iterable[Path]) -> str:
    """One SHA-256 over the task files and their data: what a key holds instead of their places."""
    content = hashlib.sha256()
    for path in paths:
        for file in (path, *_data_files(path, _read_yaml(path))):
            content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        if path.stat().st_size > MAX_TASK_BYTES:
            raise ValueError(f"more than {MAX_TASK_BYTES:,} bytes")
        task = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, TypeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: not a readable task file: {error}", CURE) from error
    if not isinstance(task, dict) or "task" not in task:
        raise UsageError(f"{path}: no key `task` in it", CURE)
    if unknown := sorted(map(_short, set(task) - KEYS - IGNORED)):
        raise UsageError(f"{path}: {', '.join(unknown)}: not obeyed here", CURE)
    for key, types in TYPES.items():
        if not isinstance(task.get(key, types[0]()), types):
            raise UsageError(f"{path}: {key}: {_short(task[key])} is no {types[0].__name__}", CURE)
    if task.get("output_type") != "multiple_choice" or task.get("dataset_path") != "json":
        raise UsageError(f"{path}: output_type multiple_choice and dataset_path json are read, nothing else", CURE)
    if task.get("num_fewshot") or task.get("description"):
        raise UsageError(f"{path}: num_fewshot and description are not obeyed: 0 shots are given", CURE)
    return task


def _data_files(path: Path, task: dict[str, Any]) -> list[Path]:
    split = task.get("test_split") or task.get("validation_split") or "test"
    given = (task.get("dataset_kwargs") or {}).get("data_files")
    names = given.get(split) if isinstance(given, dict) else given
    listed = names if isinstance(names, list) else [names]
    files = [path.parent / name for name in listed if isinstance(name, str) and "\0" not in name]
    if len(files) < len(listed) or not files or not all(file.is_file() for file in files):
        missing = ", ".join(str(file) for file in files if not file.is_file()) or f"none named for {split!r}"
        raise UsageError(f"{path}: no data files: {missing}", "name JSON lines files under dataset_kwargs.data_files")
    return files


def _documents(file: Path) -> list[dict[str, Any]]:
    documents = []
    with file.open("rb") as lines:  # ended by \n alone: a text may hold other marks of a line's end
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line.decode()) if line.strip() else {}
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{file}, line {number}: not JSON: {error}", "one JSON object a line") from error
            if not isinstance(row, dict):
                raise UsageError(f"{file}, line {number}: not a JSON object", "one JSON object a line")
            documents += [row] if line.strip() else []
    return documents


def _question(path: Path, task: dict[str, Any], number: int, row: dict[str, Any]) -> Question:
    def fill(key: str) -> Any:
        given = task.get(key, "")
        if isinstance(given, str):
            return row[given] if given in row else _render(path, given, row)
        return given

    context, choices, gold = fill("doc_to_text"), fill("doc_to_choice"), fill("doc_to_target")
    choices = _parse_list(path, choices) if isinstance(choices, str) else choices
    name = str(row.get("id", number))
    if not isinstance(context, str):
        raise UsageError(f"{path}: row {name}: doc_to_text gives {_short(context)}, which is no text", CURE)
    is_list = isinstance(choices, list) and all(isinstance(choice, str) and choice for choice in choices)
    right = _right(gold, choices) if is_list else ()
    if not right:
        which = f"target {_short(gold)} is none of the choices {_short(choices)}"
        raise UsageError(f"{path}: row {name}: {which}", CURE)
    delimiter = task.get("target_delimiter", " ")
    origin = str(row.get("origin", name))
    return Question(f"{task['task']}/{name}", context, tuple(choices), right, delimiter, origin)


def _short(value: object) -> str:
    """How a value is spelt in a message: lists of lists of lists, which YAML's aliases make, are cut."""
    return reprlib.repr(value)[:MAX_SHOWN]


def _parse_list(path: Path, text: str) -> list[Any]:
    try:
        return list(ast.literal_eval(text))
    except LITERAL_ERRORS as error:
        what = f"{path}: doc_to_choice gives {_short(text)}, which is not a list: {error}"
        raise UsageError(what, CURE) from error


def _right(gold: Any, choices: Sequence[str]) -> tuple[int, ...]:
    """Indices of the right choices; `gold` is an index, a choice, its literal, or a list of these."""
    if isinstance(gold, str) and gold not in choices:
        try:
            gold = ast.literal_eval(gold)
        except LITERAL_ERRORS:
            return ()
    golds = gold if isinstance(gold, list) else [gold]
    places = [choices.index(answer) if isinstance(answer, str) and answer in choices else answer for answer in golds]
    return tuple(place for place in places if isinstance(place, int) and 0 <= place < len(choices))


def _render(path: Path, template: str, row: dict[str, Any]) -> str:
    from tasks.evaluate.templates import TemplateFailure, render

    try:
        return render(template, row)
    except TemplateFailure as error:
        raise UsageError(f"{path}: template {error}", f"the row has {', '.join(row)}; {CURE}") from error
