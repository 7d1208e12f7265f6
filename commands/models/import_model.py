"""`triptych import`: a model made elsewhere into the registry."""

import re
from typing import Any

from commands.models.use import is_public, model_path
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.hub_place import is_hub
from tasks.progress import say
from tasks.register.imported import ImportedModel, import_version
from tasks.tracking.model_version import Version
from tasks.tracking.registry import locate

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def import_model(home: Home, model: str, name: str) -> dict[str, Any]:
    """Name, version, family, parameters and licence of the version that the model is now."""
    if not NAME.fullmatch(name):
        raise UsageError(f"--name {name!r} is no name of a model", "give letters, digits, dots, - and _")
    if not is_public(model) and isinstance(known := locate(model, home), Version):
        what = f"{known.full_name} is a version of the registry already, and its lineage would not come with it"
        raise UsageError(what, f"use it by that name: triptych chat {known.full_name}")
    imported = import_version(model_path(home, model).absolute(), name, home)
    _report(imported)
    if is_hub(model):
        say("the hub's copy is not needed any more:  triptych gc")
    return {"name": name, "version": imported.version.version, **imported.facts}


def _report(imported: ImportedModel) -> None:
    name = imported.version.full_name
    if not imported.is_new:
        say(f"{name} has this content already: nothing was added")
        return
    say(
        f"{name} is a candidate, verified and not yet evaluated:  triptych chat {name}\n"
        f"as champion:  triptych promote {name} --why '…'"
    )
