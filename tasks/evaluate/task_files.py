"""Multiple-choice tasks in lm-eval's format, read from local files: a YAML file, and the JSON lines it names.

KEYS are those of lm-eval 0.4 that are obeyed, IGNORED those that change no score here; any other is an error.
`data_files` are relative to the YAML file (lm-eval: to the working directory, so run it from there).
"""

import ast
import hashlib
import json
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
        task = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: not a readable task file: {error}", CURE) from error
    if not isinstance(task, dict) or "task" not in task:
        raise UsageError(f"{path}: no key `task` in it", CURE)
    if unknown := sorted(set(task) - KEYS - IGNORED):
        raise UsageError(f"{path}: {', '.join(unknown)}: not obeyed here", CURE)
    if task.get("output_type") != "multiple_choice" or task.get("dataset_path") != "json":
        raise UsageError(f"{path}: output_type multiple_choice and dataset_path json are read, nothing else", CURE)
    if task.get("num_fewshot") or task.get("description"):
        raise UsageError(f"{path}: num_fewshot and description are not obeyed: 0 shots are given", CURE)
    return task


def _data_files(path: Path, task: dict[str, Any]) -> list[Path]:
    split = task.get("test_split") or task.get("validation_split") or "test"
    given = (task.get("dataset_kwargs") or {}).get("data_files")
    names = given.get(split) if isinstance(given, dict) else given
    files = [path.parent / name for name in ([names] if isinstance(names, str) else names or [])]
    if not files or not all(file.is_file() for file in files):
        missing = ", ".join(str(file) for file in files if not file.is_file()) or f"none named for {split!r}"
        raise UsageError(f"{path}: no data files: {missing}", "name JSON lines files under dataset_kwargs.data_files")
    return files


def _documents(file: Path) -> list[dict[str, Any]]:
    documents = []
    with file.open(encoding="utf-8", newline="\n") as lines:  # a text may hold other marks of a line's end
        for number, line in enumerate(lines, start=1):
            try:
                documents += [json.loads(line)] if line.strip() else []
            except json.JSONDecodeError as error:
                raise UsageError(f"{file}, line {number}: not JSON: {error}", "one JSON object a line") from error
    return documents


def _question(path: Path, task: dict[str, Any], number: int, row: dict[str, Any]) -> Question:
    def fill(key: str) -> Any:
        given = task.get(key, "")
        if isinstance(given, str):
            return row[given] if given in row else _render(path, given, row)
        return given

    choices, gold = fill("doc_to_choice"), fill("doc_to_target")
    choices = _parse_list(path, choices) if isinstance(choices, str) else list(choices)
    name = str(row.get("id", number))
    right = _right(gold, choices)
    if not right or not all(isinstance(choice, str) and choice for choice in choices):
        raise UsageError(f"{path}: row {name}: target {gold!r} is none of the choices {choices!r}", CURE)
    delimiter = task.get("target_delimiter", " ")
    origin = str(row.get("origin", name))
    return Question(f"{task['task']}/{name}", fill("doc_to_text"), tuple(choices), right, delimiter, origin)


def _parse_list(path: Path, text: str) -> list[Any]:
    try:
        return list(ast.literal_eval(text))
    except (SyntaxError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: doc_to_choice gives {text!r}, which is not a list: {error}", CURE) from error


def _right(gold: Any, choices: Sequence[str]) -> tuple[int, ...]:
    """Indices of the right choices; `gold` is an index, a choice, its literal, or a list of these."""
    if isinstance(gold, str) and gold not in choices:
        try:
            gold = ast.literal_eval(gold)
        except (SyntaxError, ValueError):
            return ()
    golds = gold if isinstance(gold, list) else [gold]
    places = [choices.index(answer) if isinstance(answer, str) and answer in choices else answer for answer in golds]
    return tuple(place for place in places if isinstance(place, int) and 0 <= place < len(choices))


def _render(path: Path, template: str, row: dict[str, Any]) -> str:
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    try:
        return environment.from_string(template).render(**row)
    except TemplateError as error:
        raise UsageError(f"{path}: template {template!r}: {error}", f"the row has {', '.join(row)}") from error
