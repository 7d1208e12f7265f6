"""The name of a model on a Hugging Face hub, and what this home holds of it.

hub:OWNER/NAME[@REVISION]             a folder in the Hugging Face layout
hub:OWNER/NAME/FILE.gguf[@REVISION]   one GGUF file of a repository
hub:OWNER/NAME[@REVISION]             where --adapter names it: an adapter of peft's

    HOME/hub/models/OWNER--NAME@COMMIT/files/…        what of it was fetched, as it lies there
    HOME/hub/models/OWNER--NAME@COMMIT/fetched.json   whose it is, and what was fetched (Fetched)
    HOME/hub/models/pins.json                         the commits that branches stand for (hub_access.Pins)
"""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from model.spec import ADAPTER_WEIGHTS
from tasks.errors import UserError
from tasks.home import Home
from tasks.hub_access import Pins
from tasks.store.step import Frozen

HUB, GGUF = "hub:", ".gguf"
FETCHED, FILES = "fetched.json", "files"
FORM = "a model of a hub is written hub:OWNER/NAME, hub:OWNER/NAME@REVISION or hub:OWNER/NAME/FILE.gguf"
WORD = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
PLACE = re.compile(rf"hub:({WORD}/{WORD})(?:/((?:{WORD}/)*{WORD}\.gguf))?(?:@({WORD}(?:/{WORD})*))?")


class Fetched(Frozen):
    """What is here of one commit of a repository."""

    model: str
    commit: str
    licence: str | None = None  # as its card states
    wholes: tuple[str, ...] = ()  # files of GGUF and of adapters that are here in full; "": the folder of weights is
    sha256: dict[str, str] = Field(
        default_factory=dict
    )  # of the large files, as the hub states it and as they were verified


@dataclass(frozen=True)
class HubPlace:
    """One model of a hub."""

    name: str  # OWNER/NAME
    file: str  # a GGUF file in it; "": its folder of weights
    revision: str
    is_adapter: bool = False  # of peft's: a folder as well

    @property
    def title(self) -> str:
        """As its user writes it, the revision included."""
        return f"{HUB}{self.name}{f'/{self.file}' if self.file else ''}@{self.revision}"

    @property
    def whole(self) -> str:
        """What of the repository it is, as Fetched.wholes has it."""
        return ADAPTER_WEIGHTS if self.is_adapter else self.file

    def folder(self, home: Home, commit: str) -> Path:
        return home.hub_models / f"{self.name.replace('/', '--')}@{commit}"

    def path(self, home: Home, commit: str) -> Path:
        """Where the model lies once it is fetched."""
        return self.folder(home, commit) / FILES / self.file

    def here(self, home: Home) -> Path | None:
        """The model in this home; None where it is not fetched, or not in full."""
        commit = Pins(home.hub_models).commit(self.name, self.revision)
        fetched = read_fetched(self.folder(home, commit)) if commit else None
        if commit is None or fetched is None or self.whole not in fetched.wholes:
            return None
        return path if (path := self.path(home, commit)).exists() else None


def is_hub(model: str | Path) -> bool:
    """Whether it is a model of a hub by its name."""
    return str(model).startswith(HUB)


def hub_place(model: str | Path) -> HubPlace:
    """The place that a name means; ValueError where it is none."""
    parts = PLACE.fullmatch(str(model))
    if parts is None or ".." in str(model):
        raise ValueError(f"{str(model)!r} names no model: {FORM}")
    return HubPlace(parts[1], parts[2] or "", parts[3] or "main")


def read_fetched(folder: Path) -> Fetched | None:
    """What of a commit is here; None where nothing is."""
    file = folder / FETCHED
    if not file.is_file():
        return None
    try:
        return Fetched.model_validate_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file}: cut or changed", f"remove {folder}: it is then downloaded anew") from error


def fetched_of(model: Path) -> tuple[Fetched, str] | None:
    """Of a model at a path: the commit that it is of, and its name there; None where it is of no hub."""
    for folder in (model, *model.parents):
        if folder.name == FILES and (fetched := read_fetched(folder.parent)):
            inside = model.relative_to(folder).as_posix()
            return fetched, fetched.model if inside == "." else f"{fetched.model}/{inside}"
    return None
