"""The trainings behind a model and what they read: from the manifests of the store and the registry, over all runs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.home import Home
from tasks.store.verification import MANIFEST, read_manifest, verify_daily
from tasks.tracking.model_version import Version
from tasks.tracking.registry import versions

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
        """Its batches, replayed; UserError where the shards it read are gone."""
        from model.replay import replay

        files = {"train.arrow": self.folder / "tokens" / "train.arrow"}
        shards = self.manifest["inputs"].get("shards", {})
        for partition, key in shards.items():
            folder = self.store / ENCODED / key
            if folder.is_dir():
                verify_daily(folder)
            files |= {f"{partition}/{path.name}": path for path in sorted(folder.glob("*.arrow"))}
        try:
            return replay(self.data, files)
        except (KeyError, FileNotFoundError, ValueError) as error:
            raise UserError(
                f"{self.folder}: the data it read is missing or damaged: {error}", "run its recipe again"
            ) from error

    def lineage(self) -> "Iterator[Training]":
        """Itself, then the training that its weights came from."""
        yield self
        if parent := find_training(self.store, self.manifest["inputs"].get(PARENT)):
            yield from parent.lineage()


@dataclass(frozen=True)
class Model:
    """A registered version, or a training that was never registered, under the name that a person knows."""

    name: str
    aliases: tuple[str, ...]
    run: str | None
    trainings: tuple[Training, ...]  # its own first, then its base's; empty where the store has lost it


def find_training(store: Path, key: str | None) -> Training | None:
    """The training of that key; None where the store has none."""
    steps = ("*", "*/*")  # pretrain, finetune/METHOD
    manifests = (path for step in steps for path in store.glob(f"{step}/{key}/{MANIFEST}"))
    for folder in sorted(path.parent for path in manifests) if key else ():
        if (folder / "data.json").is_file():
            verify_daily(folder)
            return Training(store, folder, read_manifest(folder))
    return None


def model_of(version: Version, home: Home) -> Model:
    """The model of a registered version, with the trainings behind it."""
    training = find_training(home.store, version.tags.get("weights_key"))
    trainings = tuple(training.lineage()) if training else ()
    return Model(f"{version.name}/{version.version}", version.aliases, version.tags.get("run"), trainings)


def all_models(home: Home, record: Mapping[str, Any]) -> list[Model]:
    """Every registered version, and what this run trained without registering it."""
    models = [model_of(version, home) for version in versions(home)]
    known = {model.trainings[0].key for model in models if model.trainings}
    for step in record["steps"]:
        if step["key"] not in known and (training := find_training(home.store, step["key"])):
            models.append(Model(f"{step['step']} (not registered)", (), record["run"], tuple(training.lineage())))
    return models
