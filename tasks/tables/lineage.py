"""Which training made a model, and what it saw: from the store's manifests and the registry, of every run there was."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.store.artifacts import MANIFEST
from tasks.tracking.registry import Version, versions

if TYPE_CHECKING:
    from model.replay import Replay

ENCODED, PARENT = "encode", "model"  # the step that shards come from; a fine-tuning's input that is its base


@dataclass(frozen=True)
class Training:
    """One artifact of training in the store."""

    store: Path
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def key(self) -> str:
        return self.manifest["key"]

    @property
    def name(self) -> str:
        """`pretrain`, `finetune/classify`, …"""
        return self.manifest["step"]

    @property
    def data(self) -> dict[str, Any]:
        """What batch n was: kind, seed, batch, steps, shards."""
        return json.loads((self.folder / "data.json").read_text())

    def replay(self) -> "Replay":
        """Its batches, known again; UserError where the shards it read are gone."""
        from model.replay import replay

        files = {"train.arrow": self.folder / "tokens" / "train.arrow"}
        shards = self.manifest["inputs"].get("shards", {})
        for partition, key in shards.items():
            folder = self.store / ENCODED / key
            files |= {f"{partition}/{path.name}": path for path in sorted(folder.glob("*.arrow"))}
        try:
            return replay(self.data, files)
        except (KeyError, FileNotFoundError, ValueError) as error:
            raise UserError(
                f"{self.folder}: what it read is not whole any more: {error}", "run its recipe again"
            ) from error

    def line(self) -> "Iterator[Training]":
        """Itself, then the training that its weights came from."""
        yield self
        if parent := find_training(self.store, self.manifest["inputs"].get(PARENT)):
            yield from parent.line()


@dataclass(frozen=True)
class Model:
    """A registered version, or a training that was never registered, under the name that a person knows."""

    name: str
    aliases: tuple[str, ...]
    run: str | None
    trainings: tuple[Training, ...]  # its own first, then its base's; empty where the store has lost it


def find_training(store: Path, key: str | None) -> Training | None:
    """The training of that key; None where the store has none."""
    found = (path for depth in ("*", "*/*") for path in store.glob(f"{depth}/{key}/{MANIFEST}"))  # pretrain, finetune/…
    for path in sorted(found) if key else ():
        if (path.parent / "data.json").is_file():
            return Training(store, path.parent, json.loads(path.read_text()))
    return None


def registered(version: Version, home: Home) -> Model:
    """A version with the trainings behind it."""
    training = find_training(home.store, version.tags.get("weights_key"))
    trainings = tuple(training.line()) if training else ()
    return Model(f"{version.name}/{version.version}", version.aliases, version.tags.get("run"), trainings)


def all_models(home: Home, record: Mapping[str, Any]) -> list[Model]:
    """Every registered version, and what this run trained without registering it."""
    found = [registered(version, home) for version in versions(home)]
    known = {model.trainings[0].key for model in found if model.trainings}
    for step in record["steps"]:
        if step["key"] not in known and (training := find_training(home.store, step["key"])):
            found.append(Model(f"{step['step']} (not registered)", (), record["run"], tuple(training.line())))
    return found
