"""The models that a recipe names by a registered name or by one on a hub, as the paths where they lie."""

from pathlib import Path
from typing import TypeVar

from flows.recipe import Recipe
from tasks.encode.tokenizer import TokenizerConfig
from tasks.home import Home
from tasks.models.hub_download import fetch
from tasks.models.hub_place import fetched_of, hub_place, is_hub
from tasks.pretrain import PretrainConfig
from tasks.tracking.registry import named, verified

StartsFrom = TypeVar("StartsFrom", TokenizerConfig, PretrainConfig)


def place_models(recipe: Recipe, home: Home, downloads: bool) -> Recipe:
    """The recipe with a path for each of them; one of a hub that is not here is downloaded, or else left as it is."""
    references = recipe.evaluate.reference_models if recipe.evaluate.reference_documents else {}
    placed = {name: _path(model, home, downloads) for name, model in references.items()}
    return recipe.model_copy(
        update={
            "tokenizer": _placed(recipe.tokenizer, home, downloads),
            "pretrain": _placed(recipe.pretrain, home, downloads),
            "evaluate": recipe.evaluate.model_copy(
                update={"reference_models": {**recipe.evaluate.reference_models, **placed}}
            ),
        }
    )


def hub_models(recipe: Recipe) -> dict[str, str]:
    """{"model KEY": "OWNER/NAME@COMMIT"} of the models of a hub, located: for the record of a run."""
    models = {f"{key}.init_from": getattr(recipe, key).init_from for key in ("tokenizer", "pretrain")}
    models |= {f"evaluate.reference_models.{name}": path for name, path in recipe.evaluate.reference_models.items()}
    of_hub = {key: fetched_of(Path(path)) for key, path in models.items() if path}
    return {f"model {key}": f"{known[1]}@{known[0].commit}" for key, known in of_hub.items() if known}


def _placed(config: StartsFrom, home: Home, downloads: bool) -> StartsFrom:
    if config.init_from is None:
        return config
    return config.model_copy(update={"init_from": _path(config.init_from, home, downloads)})


def _path(model: Path, home: Home, downloads: bool) -> Path:
    if is_hub(model):
        return fetch(model, home) if downloads else hub_place(model).here(home) or model
    if not model.expanduser().exists() and (version := named(str(model), home)):
        return verified(version, home).weights
    return model
