"""A recipe: what to do, as TOML. Every mistake in it is told at once, with file, key, value and the nearest valid name.

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
from types import UnionType
from typing import Annotated, Any, Self, Union, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from tasks.curate.config import CurateConfig
from tasks.encode.shards import EncodeConfig
from tasks.encode.tokenizer import TokenizerConfig
from tasks.errors import UsageError
from tasks.evaluate.steps import EvaluateConfig
from tasks.finetune.steps import ClassifyConfig, InstructConfig, PreferConfig
from tasks.ingest.steps import IngestConfig
from tasks.pretrain import PretrainConfig
from tasks.register.package import RegisterConfig
from tasks.store.garbage import StoreConfig
from tasks.store.step import Frozen

BEGINNING = "init_from"  # the reference model that pretraining began from
RENAMED = {  # keys of earlier recipes → what they are called now, for the message alone
    "evaluate.contestants": "reference_models",
    "evaluate.contest_documents": "reference_documents",
}
RECIPE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class FinetuneConfig(Frozen):
    """Which ways to fine-tune; a way without a table is not done."""

    classify: ClassifyConfig | None = None
    instruct: InstructConfig | None = None
    prefer: PreferConfig | None = None  # from the one that was taught to answer, where there is one

    @property
    def ways(self) -> dict[str, ClassifyConfig | InstructConfig | PreferConfig]:
        """The ways that this recipe goes, in order."""
        ways = {"classify": self.classify, "instruct": self.instruct, "prefer": self.prefer}
        return {way: config for way, config in ways.items() if config is not None}


class Recipe(Frozen):
    """All configs of one run together, each owned by its step."""

    name: str
    ingest: IngestConfig
    curate: CurateConfig = Field(default_factory=CurateConfig)
    tokenizer: TokenizerConfig = Field(default_factory=TokenizerConfig)
    encode: EncodeConfig = Field(default_factory=EncodeConfig)
    pretrain: PretrainConfig = Field(default_factory=PretrainConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    finetune: FinetuneConfig = Field(default_factory=FinetuneConfig)
    registry: RegisterConfig = Field(default_factory=RegisterConfig)
    store: StoreConfig = Field(default_factory=StoreConfig)

    @model_validator(mode="after")
    def is_scored_beside_its_beginning(self) -> Self:
        """Whether more training made given weights better can only be told beside them."""
        evaluate, given = self.evaluate, self.pretrain.init_from
        if given and self.pretrain.init_sha256 not in evaluate.reference_models_sha256.values():
            if BEGINNING in evaluate.reference_models:
                raise ValueError(
                    f"evaluate.reference_models.{BEGINNING}: pretrain.{BEGINNING} has this name; give another"
                )
            reference_models = {**evaluate.reference_models, BEGINNING: given}
            judged = EvaluateConfig.model_validate({**evaluate.model_dump(), "reference_models": reference_models})
            object.__setattr__(self, "evaluate", judged)
        return self


class Curated(Frozen):
    """A recipe's curation alone, under the name that it has in a recipe."""

    curate: CurateConfig


@dataclass(frozen=True)
class Loaded:
    """A recipe, and for every value that a file or `--set` gave, where it came from."""

    recipe: Recipe
    path: Path
    origins: Mapping[str, str]  # "curate.min_words" → "recipes/stories.toml"


def load(name: str, changes: Sequence[str] = ()) -> Loaded:
    """The recipe of that path or name with its `--set` changes; UsageError with every mistake in it."""
    path = find(name)
    values, origins = _merged(path, ())
    for change in changes:
        _apply(change, values, origins)
    if any(change.split("=")[0].strip() == "ingest.path" for change in changes):
        _forget_language(values, origins, "--set")
    try:
        recipe = Recipe.model_validate({"name": path.stem, **values})
    except ValidationError as error:
        raise _all_mistakes(path, error, origins) from error
    return Loaded(recipe, path, origins)


def amended(settings: Mapping[str, Any], changes: Sequence[str]) -> CurateConfig:
    """The curation that a run's record tells of, with `--set curate.…` changes; UsageError with every mistake."""
    values, origins = {"curate": settings["curate"]}, dict[str, str]()
    for change in changes:
        if not change.startswith("curate."):
            raise UsageError(
                f"--set {change}: only curate.… can be asked about", "triptych run RECIPE --set … tries it"
            )
        _apply(change, values, origins)
    try:
        return Curated.model_validate(values).curate
    except ValidationError as error:
        raise _all_mistakes(Path("the run's record"), error, origins) from error


def find(name: str, beside: Path | None = None) -> Path:
    """A path as it stands, ./NAME.toml, ./recipes/NAME.toml, then the recipe shipped under that name."""
    folders = [*([beside] if beside else []), Path(), Path("recipes"), shipped_folder()]
    candidates = [Path(name)] + [folder / f"{name}.toml" for folder in folders]
    if beside:
        candidates.insert(0, beside / name)
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        names = sorted({path.stem for folder in folders[-3:] for path in folder.glob("*.toml")} - {"pyproject"})
        near = get_close_matches(Path(name).stem, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"no recipe {name!r}", f"{hint}there are: {', '.join(names)}; or give a path to a .toml file")
    if not RECIPE_NAME.fullmatch(found.stem):
        raise UsageError(f"{found}: a recipe's name is its file's stem, and names models and folders", "rename it")
    return found


def shipped_folder() -> Path:
    """The folder of the recipes that came with the installation."""
    return Path(str(files("recipes")))


def _merged(path: Path, children: tuple[Path, ...]) -> tuple[dict[str, Any], dict[str, str]]:
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
        return values, dict.fromkeys(_leaves(values), str(path))
    if not isinstance(parent, str):
        raise UsageError(f"{path}: extends = {parent!r}: one name is expected", 'write e.g. extends = "demo"')
    inherited, origins = _merged(find(parent, beside=path.parent), (*children, path.resolve()))
    merged, origins = _merge(inherited, values), origins | dict.fromkeys(_leaves(values), str(path))
    if origins.get("ingest.path") == str(path):
        _forget_language(merged, origins, str(path))
    return merged, origins


def _forget_language(values: dict[str, Any], origins: dict[str, str], layer: str) -> None:
    """A folder in place of all sources is not in their language, unless whoever names the folder says so."""
    if "language" in (curate := values.get("curate", {})) and origins["curate.language"] != layer:
        values["curate"] = {key: value for key, value in curate.items() if key != "language"}
        del origins["curate.language"]


def _merge(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _leaves(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in values.items():
        keys += _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [f"{prefix}{key}"]
    return keys


def _apply(change: str, values: dict[str, Any], origins: dict[str, str]) -> None:
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
    table[last] = _toml_value(text)
    origins[key.strip()] = "--set"


def _toml_value(text: str) -> Any:
    """The text as a TOML value, or as it stands where it is none: `--set ingest.path=my/folder` needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _all_mistakes(path: Path, error: ValidationError, origins: Mapping[str, str]) -> UsageError:
    lines = sorted({_explain(path, details, origins) for details in error.errors()})
    return UsageError("\n".join(lines), f"mend {'these' if len(lines) > 1 else 'this'} and run again; nothing was run")


def _explain(path: Path, error: ErrorDetails, origins: Mapping[str, str]) -> str:
    """`recipes/mine.toml: encode.vocabulry: unknown key; did you mean 'vocabulary'?`"""
    keys = [str(part) for part in error["loc"] if not str(part).startswith(("function-", "tagged-"))]
    where = ".".join(keys)
    given = {k: origin for k, origin in origins.items() if f"{k}.".startswith(f"{where}.") or where.startswith(f"{k}.")}
    origin = "--set" if "--set" in given.values() else next(reversed(given.values()), str(path))
    if error["type"] == "extra_forbidden":
        known = sorted(_fields_at(Recipe, keys[:-1]) - ({"name"} if len(keys) == 1 else set()))
        near = [RENAMED[where]] if where in RENAMED else get_close_matches(keys[-1], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return f"{origin}: {where}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{origin}: {where}: missing"
    found = "" if isinstance(error["input"], Mapping | BaseModel) else f" = {error['input']!r}"
    named = f"{where}{found}: " if where else ""  # a mistake between two tables names its keys itself
    return f"{origin}: {named}{error['msg'].removeprefix('Value error, ')}"


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
    return _fields_at(annotation, keys[1:])  # a discriminator's tag in the location
