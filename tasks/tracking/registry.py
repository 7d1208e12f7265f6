"""What is registered: versions, aliases, weights. Read from the home's own MLflow, or from a server elsewhere.

NAME@ALIAS · NAME/VERSION · NAME · a path   →   a folder of weights, every file of a registered one verified
package:NAME/FILE · FILE.gguf               →   that folder or file
hub:OWNER/NAME                              →   a folder or a .gguf file, fetched into the home
a folder of LitGPT's                        →   the same model in the Hugging Face layout, in the home
"""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from model.classes import is_classifier
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.hub_download import fetch
from tasks.models.hub_place import GGUF, is_hub
from tasks.models.litgpt_folder import is_litgpt
from tasks.models.pretrained import PACKAGE, adapter_fault, converted
from tasks.models.pretrained import locate as path_of
from tasks.tracking.model_version import Version
from tasks.tracking.registry_rest import RegistryRest
from tasks.tracking.registry_tables import RegistryTables
from tasks.tracking.server import mlflow_server

NAME = re.compile(r"[^/@'\":]+")
ANSWERING = ("champion", "candidate")
NAMED = re.compile(r"([^/]+)(?:@[^@/]+|/[0-9]+)")  # NAME@ALIAS, NAME/VERSION


def models(home: Home) -> list[dict[str, Any]]:
    """One row a version; `parent` is the version it was tuned from, `weights_key` the training that made it."""
    return [
        {
            "name": v.name,
            "version": v.version,
            "aliases": list(v.aliases),
            "parent": v.tags.get("parent"),
            "key": v.tags.get("key"),
            "weights_key": v.tags.get("weights_key"),
            "verdict": v.tags.get("verdict"),
            "reasons": v.tags.get("reasons"),
        }
        for v in versions(home)
    ]


def versions(home: Home, name: str | None = None) -> list[Version]:
    """All versions (of one model), by name and number."""
    return _registry(home).versions(name)


def aliases(home: Home) -> dict[str, dict[str, int]]:
    """Every registered model's aliases."""
    return _registry(home).aliases()


def resolve(model: str, home: Home) -> Path:
    """The folder of weights that NAME@ALIAS, NAME/VERSION or a path means, verified where it is registered."""
    place = locate(model, home)
    return place if isinstance(place, Path) else verified(place, home).weights


def locate(model: str, home: Home) -> Version | Path:
    """What MODEL means: a registered version before a folder of weights of the same name; UsageError where neither.

    NAME alone is a folder's where there is one, and else the model's champion, or its candidate where it has none.
    """
    if is_hub(model):
        return fetch(model, home)
    if model.startswith(PACKAGE) or model.endswith(GGUF):
        return _existing(model)
    if version := named(model, home):
        return version
    if is_litgpt(Path(model)):  # config.json often lies beside
        return converted(Path(model).absolute(), home)
    if folder := weights_in(Path(model)):
        return folder
    if adapter := adapter_fault(Path(model)):
        raise UsageError(*adapter)
    return _chosen(model, home) or find(model, home)


def _existing(model: str) -> Path:
    """The path of a .gguf file, or of what a package holds."""
    cure = "give package:NAME/FILE.gguf, or the path of a .gguf file"
    try:
        path = path_of(model)
    except ValueError as error:
        raise UsageError(str(error), cure) from error
    if not path.exists():
        raise UsageError(f"{path}: no such file", cure)
    return path


def find(model: str, home: Home) -> Version:
    """The version that NAME@ALIAS or NAME/VERSION names; UsageError with the nearest names where there is none."""
    if version := named(model, home):
        return version
    names = [name for version in versions(home) for name in _names(version)]
    near = get_close_matches(model, names, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else f"there are: {', '.join(names[:12])}; " if names else ""
    raise UsageError(f"no model {model!r}", f"{hint}MODEL is NAME@ALIAS, NAME/VERSION or a folder of weights")


def weights_in(path: Path) -> Path | None:
    """The folder of weights that a path is, or holds."""
    folders = (path, path / "weights")
    return next((folder for folder in folders if (folder / "config.json").is_file() or is_classifier(folder)), None)


def verified(version: Version, home: Home) -> Version:
    """The version once all its files are here and are what was registered; else a UserError that names the file."""
    _registry(home).verify(version)
    return version


def _registry(home: Home) -> RegistryRest | RegistryTables:
    server = mlflow_server()
    return RegistryRest(home, server) if server else RegistryTables(home)


def named(model: str, home: Home) -> Version | None:
    """The version that NAME@ALIAS or NAME/VERSION names; None where there is none."""
    if not (of_a_model := NAMED.fullmatch(model)):
        return None
    return next((version for version in versions(home, of_a_model[1]) if model in _names(version)), None)


def _chosen(name: str, home: Home) -> Version | None:
    """The version that answers for a registered model: its champion, else its candidate."""
    if not NAME.fullmatch(name):
        return None
    of_name = versions(home, name)
    return next((v for alias in ANSWERING for v in of_name if alias in v.aliases), None)


def _names(version: Version) -> list[str]:
    return [*(f"{version.name}@{alias}" for alias in version.aliases), f"{version.name}/{version.version}"]
