"""From a function to all code of this project that it can run: by the names it uses, and the names those use.

Found in the source, which is parsed and not run: top-level definitions of `tasks` and `model`, through imports wherever
they stand, and files of `sql/` by their names in strings. Comments, docstrings and layout are left out of a digest.
"""

import ast
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

Definition = tuple[str, str]  # module, top-level name; "": the whole module
ROOMS = ("tasks", "model")
TALK = ("tasks.progress", "tasks.errors")  # what people are told is no part of a result
NOWHERE: Definition = ("", "")
SQL = "sql"  # stands in a Place for a module


@dataclass(frozen=True)
class Source:
    """One module: the statements that make each name, and where the names it imports come from."""

    made: dict[str, list[ast.stmt]]
    imported: dict[str, Definition]


def definition(thing: Callable[..., Any]) -> Definition:
    """The top-level definition that a function or a class is, or stands in."""
    return thing.__module__, thing.__qualname__.split(".")[0]


def reached(*roots: Definition) -> frozenset[Definition]:
    """Every definition that the roots lead to, themselves included."""
    found, open_ends = set[Definition](), [place for root in roots for place in _definitions(*root)]
    while open_ends:
        place = open_ends.pop()
        if place not in found:
            found.add(place)
            open_ends.extend(_uses(place))
    return frozenset(found)


def digests(places: Iterable[Definition]) -> dict[str, str]:
    """{module.name: 12 hexadecimal digits} of what each place says."""
    return {f"{module}.{name}": _digest((module, name)) for module, name in sorted(places)}


def sources(names: Iterable[str]) -> dict[str, str]:
    """{module or SQL file: 12 hexadecimal digits of its bytes}: while these are equal, so are all digests."""
    return {name: _bytes_digest(name) for name in sorted(names)}


def source_names(places: Iterable[Definition]) -> set[str]:
    """Where these places stand, as `sources` takes them."""
    return {name if module == SQL else module for module, name in places}


def _definitions(module: str, name: str) -> Iterator[Definition]:
    """The name's own place, or all of the module's where it has no such name (a function inside a test, a module)."""
    made = _source(module).made
    if name in made:
        yield module, name
    else:
        yield from ((module, each) for each in made)


@cache
def _uses(place: Definition) -> tuple[Definition, ...]:
    module, name = place
    if module == SQL:
        return ()
    source, uses = _source(module), list[Definition]()
    for node in (inner for statement in source.made[name] for inner in ast.walk(statement)):
        if isinstance(node, ast.Name):
            uses += _meant(module, node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of, whole = source.imported.get(node.value.id, NOWHERE)
            uses += _meant(of, node.attr) if of and not whole else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".sql"):
            uses += [(SQL, node.value)] if _bytes(node.value) else []
    return tuple(uses)


def _meant(module: str, name: str) -> list[Definition]:
    """The definition behind a name in that module; none where it is a local, another project's, or only talk."""
    for _ in range(8):  # imports of imports
        source = _source(module)
        if name in source.made:
            return [] if module in TALK else [(module, name)]
        module, name = source.imported.get(name, NOWHERE)
        if not name:
            return []
    return []


@cache
def _source(module: str) -> Source:
    path = _path(module)
    if path is None:  # a notebook, or a test's __main__
        return Source({}, {})
    tree = ast.parse(path.read_text(encoding="utf-8"))
    made: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in _names(statement):
            made.setdefault(name, []).append(statement)
    imported = dict[str, Definition]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOMS:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                imported[alias.asname or alias.name] = (inner, "") if _path(inner) else (node.module, alias.name)
    return Source(made, imported)


@cache
def _path(module: str) -> Path | None:
    """Its file, found without importing anything; None for a name in a module, or where there is no source."""
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
def _digest(place: Definition) -> str:
    module, name = place
    if module == SQL:
        said = _bytes(name).decode()
    else:
        said = "\n".join(ast.dump(_undocumented(statement)) for statement in _source(module).made[name])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _undocumented(statement: ast.stmt) -> ast.stmt:
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return statement
