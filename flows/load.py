"""Recipes, loaded: read from files, validated and resolved. Every mistake is reported at once, before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from flows.named_models import place_models
from flows.recipe import Recipe
from flows.recipe_files import apply_change, read_values
from flows.recipe_mistakes import all_mistakes
from flows.record import RunRecord, other_version
from flows.resolve import Mistakes, check_curation, resolve
from tasks.curate.config import CurateConfig
from tasks.errors import UsageError
from tasks.home import Home
from tasks.ingest.sources import IngestConfig
from tasks.store.step import Frozen


@dataclass(frozen=True)
class Loaded:
    """A recipe as run, and for every value that a file or `--set` gave, where it came from."""

    recipe: Recipe
    path: Path
    origins: Mapping[str, str]


class CurationTable(Frozen):
    """A recipe's curation alone, under the name that it has in a recipe."""

    curate: CurateConfig


def load(name: str, changes: Sequence[str] = (), home: Home | None = None, downloads: bool = False) -> Loaded:
    """The recipe of that path or name with its `--set` changes; UsageError with every mistake in it.

    Models that it names are looked up in `home`, by default the current one; those of a hub are downloaded where asked.
    """
    read = read_values(name, changes)
    errors: list[ErrorDetails] = []
    try:
        recipe = Recipe.model_validate(read.values)
    except ValidationError as error:
        errors = error.errors()
        recipe = _without_errors(read.values, errors)
    recipe = place_models(recipe, home or Home.current(), downloads and not errors)
    recipe, mistakes = resolve(recipe)
    if errors or mistakes:
        raise all_mistakes(read.path, read.origins, errors, mistakes)
    return Loaded(recipe, read.path, read.origins)


def curation_of(record: RunRecord, changes: Sequence[str] = ()) -> CurateConfig:
    """The curation of a run, with `--set curate.…` changes; UsageError with every mistake in these."""
    values, origins = {"curate": record.settings.get("curate", {})}, dict[str, str]()
    try:
        CurationTable.model_validate(values)
    except ValidationError as error:
        raise other_version(record) from error
    for change in changes:
        if not change.startswith("curate."):
            raise UsageError(f"--set {change}: only curate.… applies here", "triptych run RECIPE --set … tries it")
        apply_change(change, values, origins)
    record_file = Path(f"run {record.run}")
    try:
        config = CurationTable.model_validate(values).curate
    except ValidationError as error:
        raise all_mistakes(record_file, origins, error.errors(), ()) from error
    mistakes = Mistakes()
    check_curation(config, mistakes)
    if mistakes.entries:
        raise all_mistakes(record_file, origins, (), mistakes.entries)
    return config


def _without_errors(values: Mapping[str, Any], errors: Sequence[ErrorDetails]) -> Recipe:
    """The recipe without the tables that have an error, so that the others can be checked as well."""
    broken = {error["loc"][:2] for error in errors}
    tables = dict[str, Any]()
    for name, field in Recipe.model_fields.items():
        as_table = TypeAdapter[Any](field.annotation or Any).validate_python
        if name == "finetune" and isinstance(values.get(name), Mapping):
            tables[name] = as_table({k: rows for k, rows in values[name].items() if (name, k) not in broken})
        elif name in values and not any(loc[:1] == (name,) for loc in broken):
            tables[name] = as_table(values[name])
    return Recipe.model_construct(**{"ingest": IngestConfig(), **tables})
