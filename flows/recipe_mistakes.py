"""Mistakes in a recipe as a person reads them: all at once, with file, key, value and the nearest valid name."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from flows.recipe import Recipe
from flows.recipe_files import SET
from flows.resolve import Mistake
from tasks.errors import UsageError
from tasks.expected_values import expectation, mistake_in_words

UNKNOWN = "extra_forbidden"
KIND_AT = 3  # in ("ingest", "sources", NAME, KIND, …): pydantic names the kind of a source behind its name
NEAR = 0.7  # similarity of a name that may have been meant
RENAMED = {  # keys of earlier recipes → what they are called now, for the message alone
    "evaluate.contestants": "reference_models",
    "evaluate.contest_documents": "reference_documents",
}


def all_mistakes(
    path: Path, origins: Mapping[str, str], errors: Sequence[ErrorDetails], mistakes: Sequence[Mistake]
) -> UsageError:
    """One error of everything that is wrong: values of a wrong type or name, and values that name nothing usable."""
    lines = {_unknown(path, origins, error) for error in errors if error["type"] == UNKNOWN}
    lines |= _unfit(path, origins, [error for error in errors if error["type"] != UNKNOWN])
    lines |= {_line(path, origins, m.key, m.value, m.what) for m in mistakes}
    cure = f"correct {'these' if len(lines) > 1 else 'this'} and run again; nothing was run"
    return UsageError("\n".join(sorted(lines)), cure)


def _unknown(path: Path, origins: Mapping[str, str], error: ErrorDetails) -> str:
    """`recipes/mine.toml: encode.vocabulry: unknown key; did you mean 'vocabulary'?`"""
    keys, where = _location(error), _where(origins, error)
    known = sorted(_fields_at(Recipe, keys[:-1]) - ({"name"} if len(keys) == 1 else set()))
    near = [RENAMED[where]] if where in RENAMED else get_close_matches(keys[-1], known, n=1, cutoff=NEAR)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return _line(path, origins, where, None, f"unknown key; {hint}")


def _unfit(path: Path, origins: Mapping[str, str], errors: Sequence[ErrorDetails]) -> set[str]:
    """`--set: pretrain.steps = 'many': a whole number is expected`; a value may be refused by each type it may have."""
    by_key = dict[str, list[ErrorDetails]]()
    for error in errors:
        by_key.setdefault(_where(origins, error), []).append(error)
    lines = set[str]()
    for where, refusals in by_key.items():
        *others, last = refusals
        if last["type"] == "missing":
            lines.add(_line(path, origins, where, None, "missing"))
            continue
        alternatives = [expected for error in others if (expected := expectation(error))]
        what = " or ".join(dict.fromkeys([*alternatives, mistake_in_words(last)]))
        lines.add(_line(path, origins, where, last["input"], what))
    return lines


def _location(error: ErrorDetails) -> list[str]:
    """Where the value stands, without the kind of its source."""
    loc = [str(part) for part in error["loc"]]
    return loc[:KIND_AT] + loc[KIND_AT + 1 :] if loc[:2] == ["ingest", "sources"] else loc


def _where(origins: Mapping[str, str], error: ErrorDetails) -> str:
    """The key as a recipe spells it: without the names that pydantic puts between for a type or kind of several."""
    keys, loc = list[str](), _location(error)
    for number, part in enumerate(loc, 1):
        key = ".".join([*keys, part])
        is_key = any(f"{origin}.".startswith(f"{key}.") for origin in origins)
        if is_key or part.isdecimal() or (number == len(loc) and error["type"] == "missing"):
            keys.append(part)
    return ".".join(keys)


def _line(path: Path, origins: Mapping[str, str], key: str, value: Any, what: str) -> str:
    """A table is not shown, nor a value that is not there."""
    given = {k: origin for k, origin in origins.items() if f"{k}.".startswith(f"{key}.") or key.startswith(f"{k}.")}
    table = key.rpartition(".")[0]
    given = given or {k: origin for k, origin in origins.items() if k.startswith(f"{table}.")}  # of what is missing
    origin = SET if SET in given.values() else next(reversed(given.values()), str(path))
    value = str(value) if isinstance(value, Path) else value
    shown = "" if value is None or isinstance(value, Mapping | BaseModel) else f" = {value!r}"
    return f"{origin}: {key}{shown}: {what}" if key else f"{origin}: {what}"


def _fields_at(annotation: Any, keys: Sequence[str]) -> set[str]:
    """The field names a table of that type may have, through optionals, unions and dicts of tables."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        options = [a for a in get_args(annotation) if a is not type(None)]
        return set().union(*(_fields_at(option, keys) for option in options))
    if get_origin(annotation) in (dict, Mapping) or get_origin(annotation) is Mapping.__class__:
        return _fields_at(get_args(annotation)[1], keys[1:]) if keys else set()
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return set()
    fields = annotation.model_fields
    if not keys:
        return set(fields)
    if keys[0] in fields:
        return _fields_at(fields[keys[0]].annotation, keys[1:])
    return set()
