"""Signals of the user's own: functions of a text, in Python, which a recipe names as package.module:function.

    [curate.signals]
    own = ["my_signals:exclamations"]    # in my_signals.py: def exclamations(text): return text.count("!")

A function returns a number, whose column has the function's name, or {column: number}; None is a number that the text
does not have. Its source is in the key of the scores: the function itself and the file of the module that is named.
What that file imports from others is not.
"""

import hashlib
import importlib
import inspect
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.curate.config import OwnSignal
from tasks.errors import UserError

KEY = "curate.signals.own"
COLUMN = re.compile(r"[a-z][a-z0-9_]*")
SAMPLE = "A text of two lines, with a number such as 42 in it.\nThis is the second one: does it end with a mark?\n"
OTHER_COLUMNS = frozenset(  # of the tables that are joined with the signals
    ["doc_id", "text", "source", "uri", "position", "licence", "origin", "metadata", "partition", "split", "tokens"]
) | {"kept", "reason", "reasons", "unmet", "passes", "withheld", "bands", "shingles"}
Function = Callable[[str], object]


def resolve_own(names: Iterable[str], taken: Iterable[str]) -> tuple[OwnSignal, ...]:
    """The functions with the columns that each gives on a sample text, and hashes of their source.

    ValueError where a name leads to no function, where it does not give numbers, or a column is `taken`.
    """
    signals, columns = list[OwnSignal](), {*taken, *OTHER_COLUMNS}
    for name in names:
        function = _function(name)
        values = _values(name, function, SAMPLE, "a sample text")
        for column in values:
            if not COLUMN.fullmatch(column) or column in columns:
                problem = "another column's name" if column in columns else "no name of a column (a-z, 0-9, _)"
                raise ValueError(f"{name} gives {column!r}, which is {problem}: let it return {{another name: number}}")
        columns.update(values)
        signals.append(OwnSignal(function=name, columns=tuple(values), sha256=_source_sha256(name, function)))
    return tuple(signals)


def own_columns(signals: Sequence[OwnSignal], texts: Sequence[str], ids: Sequence[str]) -> dict[str, pa.Array]:
    """{column: values of all texts}; UserError, with the document's id, where a function gives no number for a text."""
    columns: dict[str, list[float | None]] = {column: [] for signal in signals for column in signal.columns}
    for signal in signals:
        function = _function_as_resolved(signal.function, signal.sha256)
        for doc_id, text in zip(ids, texts, strict=True):
            try:
                values = _values(signal.function, function, text, doc_id)
            except ValueError as error:
                raise UserError(
                    f"{KEY}: {error}", "mend the function, or return None where a text has no value"
                ) from error
            if values.keys() != set(signal.columns):
                raise UserError(
                    f"{KEY}: {signal.function} gives {', '.join(values) or 'nothing'} for {doc_id}, and gave "
                    f"{', '.join(signal.columns)} for a sample text",
                    "let it return the same names for every text, None where a text has no value",
                )
            for column, value in values.items():
                columns[column].append(value)
    return {column: pa.array(values, pa.float64()) for column, values in columns.items()}


def _function(name: str) -> Function:
    """The function of that name; ValueError with the fix where there is none."""
    module_name, _, attribute = name.partition(":")
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
        raise ValueError(f"{name}: package.module:function is expected")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and module_name.startswith(error.name or " "):
            fix = f"put {module_name.replace('.', '/')}.py into {here}, or install the package"
            raise ValueError(f"{name}: no module {error.name!r}; {fix}") from error
        raise ValueError(f"{name}: importing {module_name} raises {type(error).__name__}: {error}") from error
    function = getattr(module, attribute, None)
    if function is None or not inspect.isfunction(inspect.unwrap(function)):
        functions = [each for each, value in vars(module).items() if inspect.isfunction(value)]
        near = get_close_matches(attribute, functions, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(functions) or 'none'}"
        raise ValueError(f"{name}: no Python function {attribute!r} in {module_name}; {hint}")
    return function


def _values(name: str, function: Function, text: str, where: str) -> Mapping[str, float | None]:
    """{column: value}; ValueError that names the function and the text where these are no numbers."""
    try:
        result = function(text)
    except Exception as error:
        raise ValueError(f"{name} raises {type(error).__name__} on {where}: {error}") from error
    values: Mapping[Any, Any] = result if isinstance(result, Mapping) else {name.partition(":")[2]: result}
    for column, value in values.items():
        if not isinstance(column, str) or not (value is None or isinstance(value, Real)):
            raise ValueError(f"{name} returns {result!r:.80} on {where}: a number or {{name: number}} is expected")
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name} returns {float(value)} for {column} on {where}: a finite number is expected")
    return {column: None if value is None else float(value) for column, value in values.items()}


def _source_sha256(name: str, function: Function) -> str:
    """A hash of the function's source and of the file of the module that is named."""
    module_file = sys.modules[name.partition(":")[0]].__file__
    source = inspect.getsource(inspect.unwrap(function))
    return hashlib.sha256(source.encode() + (Path(module_file).read_bytes() if module_file else b"")).hexdigest()


@cache
def _function_as_resolved(name: str, sha256: str) -> Function:
    """The function, looked up once in a process; UserError where its source is not the one that is in the key."""
    try:
        function = _function(name)
    except ValueError as error:
        raise UserError(f"{KEY}: {error}", "run again with the module in place") from error
    if _source_sha256(name, function) != sha256:
        raise UserError(f"{KEY}: {name} was changed while the run was going", "run again")
    return function
