"""The code of this project that a function can run: the definitions of the names it uses, and of the names those use.

The source is parsed and not run: top-level definitions of `tasks` and `model`, through imports wherever
they stand, and files of `sql/` by their names in strings. Comments, docstrings and layout are left out of a digest.
"""

import ast
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

Definition = tuple[str, str]  # module, top-level name; "": the whole module
ROOMS = ("tasks", "model")
TALK = ("tasks.progress", "tasks.errors")  # messages are no part of a result
NOWHERE: Definition = ("", "")
SQL = "sql"  # in the place of a module
PARSE_TRIES = 4


@dataclass(frozen=True)
class Module:
    """One module: the statements that make each name, and where the names it imports come from."""

    definitions: dict[str, list[ast.stmt]]
    imports: dict[str, Definition]


def definition_of(thing: Callable[..., Any]) -> Definition:
    """The top-level definition that a function or a class is, or stands in."""
    return thing.__module__, thing.__qualname__.split(".")[0]


def reachable(*roots: Definition) -> frozenset[Definition]:
    """Every definition that the roots lead to, themselves included."""
    visited, ahead = set[Definition](), [definition for root in roots for definition in _definitions(*root)]
    while ahead:
        definition = ahead.pop()
        if definition not in visited:
            visited.add(definition)
            ahead.extend(_uses(definition))
    return frozenset(visited)


def digests(definitions: Iterable[Definition]) -> dict[str, str]:
    """{module.name: 12 hexadecimal digits} of the source of each definition."""
    return {f"{module}.{name}": _digest((module, name)) for module, name in sorted(definitions)}


def sources(names: Iterable[str]) -> dict[str, str]:
    """{module or SQL file: 12 hexadecimal digits of its bytes}: while these are equal, so are all digests."""
    return {name: _bytes_digest(name) for name in sorted(names)}


def source_names(definitions: Iterable[Definition]) -> set[str]:
    """The modules and SQL files of these definitions, as `sources` takes them."""
    return {name if module == SQL else module for module, name in definitions}


def _definitions(module: str, name: str) -> Iterator[Definition]:
    """The definition of the name; all of the module's where it has none (a function inside a test, a module)."""
    definitions = _source(module).definitions
    if name in definitions:
        yield module, name
    else:
        yield from ((module, each) for each in definitions)


@cache
def _uses(definition: Definition) -> tuple[Definition, ...]:
    module, name = definition
    if module == SQL:
        return ()
    source, uses = _source(module), list[Definition]()
    for node in (inner for statement in source.definitions[name] for inner in ast.walk(statement)):
        if isinstance(node, ast.Name):
            uses += _resolve(module, node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of, whole = source.imports.get(node.value.id, NOWHERE)
            uses += _resolve(of, node.attr) if of and not whole else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".sql"):
            uses += [(SQL, node.value)] if _bytes(node.value) else []
    return tuple(uses)


def _resolve(module: str, name: str) -> list[Definition]:
    """The definition behind a name in that module; none where it is a local, another project's, or only talk."""
    for _ in range(8):  # imports of imports
        source = _source(module)
        if name in source.definitions:
            return [] if module in TALK else [(module, name)]
        module, name = source.imports.get(name, NOWHERE)
        if not name:
            return []
    return []


@cache
def _source(module: str) -> Module:
    path = _path(module)
    if path is None:  # a notebook, or a test's __main__
        return Module({}, {})
    tree = _parse(path.read_text(encoding="utf-8"))
    definitions: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in _names(statement):
            definitions.setdefault(name, []).append(statement)
    imports = dict[str, Definition]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOMS:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                imports[alias.asname or alias.name] = (inner, "") if _path(inner) else (node.module, alias.name)
    return Module(definitions, imports)


def _parse(source: str) -> ast.Module:
    """The syntax tree. Where other code runs in the midst of it, CPython 3.11 may raise SystemError: it counts amiss.

    https://github.com/python/cpython/issues/106905
    """
    for _ in range(PARSE_TRIES - 1):
        with suppress(SystemError):
            return ast.parse(source)
    return ast.parse(source)


@cache
def _path(module: str) -> Path | None:
    """Its file, without importing anything; None for a name in a module, or where there is no source."""
    room, *inner = module.split(".")
    if room in ROOMS:
        stem = Path(str(files(room)), *inner)
        return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)
    origin = getattr(sys.modules.get(module), "__file__", None)  # a step of a test
    return Path(origin) if origin else None


@cache
def _bytes(name: str) -> bytes:
    """b"" where it is not, or no longer, there."""
    path = Path(str(files(SQL) / name)) if name.endswith(".sql") else _path(name)
    return path.read_bytes() if path and path.is_file() else b""


@cache
def _bytes_digest(name: str) -> str:
    return hashlib.sha256(_bytes(name)).hexdigest()[:12]


def _names(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


@cache
def _digest(definition: Definition) -> str:
    module, name = definition
    if module == SQL:
        source = _bytes(name).decode()
    else:
        source = "\n".join(ast.dump(_undocumented(statement)) for statement in _source(module).definitions[name])
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def _undocumented(statement: ast.stmt) -> ast.stmt:
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return statement
