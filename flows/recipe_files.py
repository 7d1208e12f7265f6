"""The values of a recipe, out of TOML files: a file, its parents, and changes on the command line.

`extends` names one parent (by path beside the file, or by name); tables merge, lists and values replace.
`--set a.b=c` replaces one value. A recipe's name is its file's stem and is not inherited.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from tasks.errors import UsageError
from tasks.store.step import flatten

RECIPE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SET = "--set"  # the origin of a value that the command line gave


@dataclass(frozen=True)
class RecipeValues:
    """The merged values of a recipe's files, and where each came from."""

    path: Path
    values: dict[str, Any]
    origins: dict[str, str]  # "curate.min_words" → "recipes/stories.toml"


def read_values(name: str, changes: Sequence[str] = ()) -> RecipeValues:
    """The values of the recipe of that path or name, with its `--set` changes."""
    path = find(name)
    values, origins = _read_with_parents(path, ())
    for change in changes:
        apply_change(change, values, origins)
    if any(change.split("=")[0].strip() == "ingest.path" for change in changes):
        _forget_language(values, origins, SET)
    return RecipeValues(path, {"name": path.stem, **values}, origins)


@dataclass(frozen=True)
class RecipeFile:
    """A recipe that can be run by its name."""

    name: str
    summary: str  # the first line of its comment
    is_shipped: bool


def available() -> list[RecipeFile]:
    """The recipes in ./ and ./recipes, then those shipped; of two files with one name, that which the name means."""
    recipes, shipped = dict[str, RecipeFile](), shipped_folder().resolve()
    for folder in (Path(), Path("recipes"), shipped):
        for path in sorted(folder.glob("*.toml")):
            if path.stem in recipes or not RECIPE_NAME.fullmatch(path.stem):
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            if _is_recipe(text):
                recipes[path.stem] = RecipeFile(path.stem, _first_comment(text), folder.resolve() == shipped)
    return list(recipes.values())


def _is_recipe(text: str) -> bool:
    """Whether it is one, or means to be one and has a mistake."""
    try:
        return not {"ingest", "extends"}.isdisjoint(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return "[ingest" in text or "extends" in text


def _first_comment(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ").strip() if text.startswith("#") else ""


def find(name: str, beside: Path | None = None) -> Path:
    """A path as it stands, ./NAME.toml, ./recipes/NAME.toml, then the recipe shipped under that name."""
    folders = [*([beside] if beside else []), Path(), Path("recipes"), shipped_folder()]
    candidates = [Path(name)] + [folder / f"{name}.toml" for folder in folders]
    if beside:
        candidates.insert(0, beside / name)
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        names = sorted(recipe.name for recipe in available())
        near = get_close_matches(Path(name).stem, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        what = f"no file {name}" if name.endswith(".toml") else f"no recipe {name!r}"
        raise UsageError(what, f"{hint}there are: {', '.join(names)}; or give a path to a .toml file")
    if not RECIPE_NAME.fullmatch(path.stem):
        raise UsageError(f"{path}: a recipe's name is its file's stem, and names models and folders", "rename it")
    return path


def shipped_folder() -> Path:
    """The folder of the recipes that came with the installation."""
    return Path(str(files("recipes")))


def _read_with_parents(path: Path, children: tuple[Path, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    if path.resolve() in children:
        chain = " → ".join(p.name for p in (*children, path))
        raise UsageError(f"{path}: extends itself: {chain}", "end the chain of `extends` in a recipe without one")
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}", "mend that line") from error
    parent = values.pop("extends", None)
    name = values.pop("name", path.stem)
    if name != path.stem:
        raise UsageError(f"{path}: name = {name!r}: a recipe is named by its file, {path.stem!r}", "drop the line")
    if parent is None:
        return values, dict.fromkeys(flatten(values), str(path))
    if not isinstance(parent, str):
        raise UsageError(f"{path}: extends = {parent!r}: one name is expected", 'write e.g. extends = "demo"')
    inherited, origins = _read_with_parents(find(parent, beside=path.parent), (*children, path.resolve()))
    merged, origins = _merge(inherited, values), origins | dict.fromkeys(flatten(values), str(path))
    if origins.get("ingest.path") == str(path):
        _forget_language(merged, origins, str(path))
    return merged, origins


def _forget_language(values: dict[str, Any], origins: dict[str, str], layer: str) -> None:
    """A folder in place of all sources is not in their language, unless the request names one."""
    if "language" in (curate := values.get("curate", {})) and origins["curate.language"] != layer:
        values["curate"] = {key: value for key, value in curate.items() if key != "language"}
        del origins["curate.language"]


def _merge(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a recipe over those of its parent; one that the child sets to false is left out."""
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if value is False and isinstance(before, dict):
            del merged[key]
        else:
            merged[key] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def apply_change(change: str, values: dict[str, Any], origins: dict[str, str]) -> None:
    """Puts the value of one `--set KEY=VALUE` in its place."""
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {change}: KEY=VALUE is expected", "write e.g. --set pretrain.steps=200")
    if key.strip() == "name":
        raise UsageError(f"--set {change}: a recipe is named by its file", "copy the recipe to a file of that name")
    *tables, last = key.strip().split(".")
    table = values
    for name in tables:
        below = table.setdefault(name, {})
        if not isinstance(below, dict):
            raise UsageError(f"--set {change}: {name!r} is a value, not a table", "see `triptych run --explain`")
        table[name] = table = dict(below)
    value = _toml_value(text)
    if value is False and isinstance(table.get(last), dict):
        del table[last]  # as a recipe leaves out a table of its parent
    else:
        table[last] = value
    origins[key.strip()] = SET


def _toml_value(text: str) -> Any:
    """The text as a TOML value, or as it stands where it is none: `--set ingest.path=my/folder` needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
