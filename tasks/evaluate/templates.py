"""Templates of task files: the part of Jinja2 that multiple-choice tasks use, with bounds on what they make.

A task file may come from anywhere. Jinja2's sandbox keeps a template from Python's internals; what it may cost is up to
us: nodes, methods and filters are those listed here, loops are not nested, and no text grows beyond MAX_TEXT.
"""

import reprlib
from collections.abc import Mapping, Sized
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import SandboxedEnvironment

NODES = {
    "Template", "Output", "TemplateData", "Name", "Const", "List", "Tuple", "Dict", "Pair", "Keyword", "Getattr",
    "Getitem", "Slice", "Call", "Filter", "Test", "Add", "Sub", "Neg", "Pos", "And", "Or", "Not", "Compare", "Operand",
    "If", "CondExpr", "For", "Assign",
}  # fmt: skip
METHODS = {
    "strip", "lstrip", "rstrip", "lower", "upper", "capitalize", "title", "split", "index", "find", "count",
    "startswith", "endswith", "removeprefix", "removesuffix", "join", "replace", "get", "keys", "values", "items",
}  # fmt: skip
FILTERS = ("trim", "lower", "upper", "capitalize", "title", "first", "last", "length", "count", "list", "int", "string")
MAX_TEXT = 1_000_000  # characters of one text, and items of one list
MAX_TEMPLATE = 20_000  # characters
MAX_RANGE = 1000
LISTS = (nodes.List, nodes.Tuple, nodes.Dict)
FAILURES = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


class TemplateFailure(ValueError):
    """A template that is not read, or fails on a row."""


def render(template: str, row: Mapping[str, Any]) -> str:
    """The template filled from the row; TemplateFailure says what it cannot do."""
    try:
        return _concatenated(_compiled(template), row)
    except (*FAILURES, MemoryError, SyntaxError) as error:
        raise TemplateFailure(f"{reprlib.repr(template)}: {error or type(error).__name__}") from error


def _concatenated(template: Template, row: Mapping[str, Any]) -> str:
    pieces, size = [], 0
    for piece in template.generate(**{str(name): value for name, value in row.items()}):
        size += len(piece)
        _refuse_beyond(size)
        pieces.append(piece)
    return "".join(pieces)


@cache
def _compiled(template: str) -> Template:
    if len(template) > MAX_TEMPLATE:
        raise SecurityError(f"longer than {MAX_TEMPLATE:,} characters")
    environment = BoundedEnvironment()
    parsed = environment.parse(template)
    for node in parsed.find_all(nodes.Node):
        _check(node)
    return environment.from_string(template)


def _check(node: nodes.Node) -> None:
    """SecurityError where a node is not among what is read."""
    what = type(node).__name__
    if what not in NODES or (isinstance(node, nodes.For) and node.find(nodes.For)):
        within = " inside For" if isinstance(node, nodes.For) else ""
        raise SecurityError(f"line {node.lineno}: {what}{within} is not read")
    if isinstance(node, nodes.Call):
        called = node.node.attr if isinstance(node.node, nodes.Getattr) else getattr(node.node, "name", "")
        known = METHODS if isinstance(node.node, nodes.Getattr) else {"range"}
        if called not in known or node.dyn_args or node.dyn_kwargs:
            raise SecurityError(f"line {node.lineno}: a call of {called!r} is not read")
    if isinstance(node, nodes.Assign) and any(isinstance(part, LISTS) for part in node.find_all(nodes.Expr)):
        raise SecurityError(f"line {node.lineno}: a list is not kept under a name")  # lists of lists of lists …


class BoundedEnvironment(SandboxedEnvironment):
    """The sandbox, where what makes a long text of short ones is measured first."""

    intercepted_binops = SandboxedEnvironment.intercepted_binops | {"+"}

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True)
        filters = {name: self.filters[name] for name in FILTERS}
        self.filters = {**filters, "join": _joined}
        self.globals.clear()
        self.globals["range"] = _range

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, Sized) and isinstance(right, Sized):
            _refuse_beyond(len(left) + len(right))
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, method: Any, /, *args: Any, **kwargs: Any) -> Any:
        owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if isinstance(owner, str) and name == "join" and args:
            return _joined(args[0], owner)
        if isinstance(owner, str) and name == "replace" and len(args) >= 2:
            old, new = str(args[0]), str(args[1])
            _refuse_beyond(len(owner) + owner.count(old) * len(new))
        return super().call(context, method, *args, **kwargs)


def _joined(values: Any, separator: str = "") -> str:
    texts = [str(value) for value in values]
    _refuse_beyond(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise SecurityError(f"range gives more than {MAX_RANGE:,} numbers")
    return numbers


def _refuse_beyond(size: int) -> None:
    if size > MAX_TEXT:
        raise SecurityError(f"makes a text of more than {MAX_TEXT:,} characters")
