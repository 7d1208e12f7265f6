"""A sandbox whose templates end: what a chat template computes and writes is counted, and stopped past its limit.

Loops, sums and slices get filters that count (template_budget.py); calls, other operators and outputs are methods of
the environment.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from string import Formatter
from types import BuiltinMethodType
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from model.template_budget import (
    PERCENT,
    STEP,
    WIDE,
    LimitError,
    budget_now,
    length,
    refuse_large,
    size_of_method,
    size_of_replaced,
    size_of_result,
    text_size,
)

SOURCE_CHARACTERS, ADDITIONS = 200_000, 64  # of a template; in one of its expressions
BODY, JOIN, SIZED = "loop body", "joined texts", "a sum or slice"  # filters that no template can name
UNLIMITED = ("pprint", "urlize", "wordwrap", "xmlattr")  # filters that no chat template needs
WITH_COUNT = {"batch", "center", "indent", "round", "slice", "truncate"}  # filters
TO_TEXT = {  # filters that write what is no text as one
    *("capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower", "string", "striptags"),
    *("title", "tojson", "trim", "truncate", "upper", "urlencode"),
}
GROWING = {"expandtabs", "join", "replace", "translate"}  # methods whose result may be much larger than its parts
CHECKED = WITH_COUNT | TO_TEXT | {"join", "replace", "sum"}
INDENT = 64  # the deepest of JSON


class LimitedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, counting; templates are compiled and rendered inside `limited`."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(finalize=_written, **options)
        for name in UNLIMITED:
            del self.filters[name]
        del self.globals["lipsum"]
        for name, function in self.filters.items():
            self.limit(name, function)
        self.filters |= {BODY: _body, JOIN: _joined, SIZED: _sized}

    def limit(self, name: str, function: Callable[..., Any]) -> None:
        """Makes it a filter of that name, counted."""
        self.filters[name] = _counted(name, function)

    def compile(self, source: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(source, str) and len(source) > SOURCE_CHARACTERS:
            raise LimitError(f"it has more than {SOURCE_CHARACTERS:,} characters")
        return super().compile(source, *args, **kwargs)

    def _generate(self, source: nodes.Template, name: Any, filename: Any, defer_init: bool = False) -> str:
        _refuse_long_sums(source)
        counted = _Counting().visit(source)
        counted.set_environment(self)
        return super()._generate(counted, name, filename, defer_init)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget_now.get().use(size_of_result(operator, left, right))
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        if not __self.is_safe_callable(__obj):
            raise SecurityError(f"{__obj!r} is not safely callable")
        if isinstance(__obj, BuiltinMethodType):
            refuse_large(args)
            refuse_large(kwargs.values())
            if __obj.__name__ in GROWING:
                args = (list(args[0]), *args[1:]) if __obj.__name__ == "join" and args else args
                budget_now.get().use(size_of_method(__obj.__self__, __obj.__name__, args))
        result = __context.call(__obj, *args, **kwargs)
        budget_now.get().use(STEP + length(result))
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        function = super().wrap_str_format(value)
        if function is None:
            return None

        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> str:
            fields = list(Formatter().parse(value.__self__))
            if any(WIDE.search(spec or "") for _, _, spec, _ in fields):
                raise LimitError(f"it formats a text to {value.__self__!r:.80}")
            budget_now.get().use(len(fields) * text_size((args, kwargs)))
            return function(*args, **kwargs)

        return counted


class _Counting(NodeTransformer):
    """The template with filters that count, where no method of the environment would be called.

    Of a sum only the whole is counted, after it is made: `ADDITIONS` bounds how much larger it is than its parts.
    """

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        units = STEP + sum(_static_text(inner) for inner in node.body)
        node.body.insert(0, nodes.ExprStmt(_filter(nodes.Const(units, lineno=node.lineno), BODY), lineno=node.lineno))
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Output:
        node.nodes = [self._sum(part) if isinstance(part, nodes.Add) else self.visit(part) for part in node.nodes]
        return node

    def visit_Add(self, node: nodes.Add) -> nodes.Filter:
        return _filter(self._sum(node), SIZED)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), JOIN)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        self.generic_visit(node)
        return _filter(node, SIZED) if isinstance(node.arg, nodes.Slice) else node

    def _sum(self, node: nodes.Add) -> nodes.Add:
        for side in ("left", "right"):
            part = getattr(node, side)
            setattr(node, side, self._sum(part) if isinstance(part, nodes.Add) else self.visit(part))
        return node


def _refuse_long_sums(source: nodes.Template) -> None:
    for statement in source.find_all(nodes.Stmt):
        for expression in statement.iter_child_nodes():
            if isinstance(expression, nodes.Expr) and sum(1 for _ in expression.find_all(nodes.Add)) > ADDITIONS:
                raise LimitError(f"it adds more than {ADDITIONS} values at once")


def _static_text(node: nodes.Node) -> int:
    """Characters that a node writes as they stand in the template."""
    texts = [node] if isinstance(node, nodes.TemplateData) else node.find_all((nodes.TemplateData, nodes.Const))
    return sum(len(text.data if isinstance(text, nodes.TemplateData) else str(text.value)) for text in texts)


def _filter(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _written(value: Any) -> Any:
    """What an expression writes."""
    budget = budget_now.get()
    budget.left -= len(value) if isinstance(value, str) else text_size(value)
    if budget.left < 0:
        budget.look()
    return value


@pass_context
def _body(_: Context, units: int) -> str:
    budget_now.get().use(units)
    return ""


@pass_context
def _joined(_: Context, parts: Sequence[Any]) -> str:
    """`a ~ b`."""
    budget_now.get().use(text_size(parts))
    return "".join(map(str, parts))


@pass_context
def _sized(_: Context, value: Any) -> Any:
    budget_now.get().use(length(value))
    return value


def _counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose work and result are counted."""
    skipped = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def counted(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        budget_now.get().use(STEP + length(result))
        return result

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if name == "trim" and isinstance(args[0], str):
            return counted(*args, **kwargs)
        if name == "join":
            args = (*args[:skipped], list(args[skipped]), *args[skipped + 1 :])
        given = [*args[skipped:], *kwargs.values()]
        _check_filter(name, given, kwargs)
        return counted(*args, **kwargs)

    return checked if name in CHECKED else counted


def _check_filter(name: str, given: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """LimitError where the result would be large."""
    budget = budget_now.get()
    if name in WITH_COUNT:
        refuse_large(given[1:])
    if name in TO_TEXT:
        budget.use(text_size(given))
    if name == "join":
        budget.use(text_size(given[0]) + len(given[0]) * text_size(given[1:]))
    elif name == "replace":
        budget.use(size_of_replaced(str(given[0]), *map(str, given[1:3])))
    elif name == "indent":
        budget.use(str(given[0]).count("\n") * max(map(text_size, given[1:]), default=0))
    elif name == "format" and PERCENT.search(str(given[0])):
        raise LimitError(f"it formats a text to {given[0]!r:.80}")
    elif name == "sum" and not isinstance(kwargs.get("start", given[2] if len(given) > 2 else 0), int | float):
        raise LimitError("it sums what are no numbers")
    elif name == "tojson" and any(text_size(value) > INDENT for value in given[1:]):
        raise LimitError("it indents JSON too far")
    elif name == "tojson":
        refuse_large(given[1:], INDENT)
