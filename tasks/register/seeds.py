"""How far models lie apart that differ from a version by their seed only: what the gate knows of chance in training.

Known are the values of the further seeds that a run trained (pretrain.seeds; evidence/seeds/), and of other
versions of the same name whose training differs from it in nothing but seeds: each run with another seed adds one.
The further seeds' models bear in their scores the keys of their trainings, as versions do in their tags.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.comparison.seed_noise import SeedNoise, measured
from tasks.register.gate import MODEL, Losses
from tasks.register.scores import read_scores
from tasks.store.step import canonical
from tasks.store.verification import read_manifest
from tasks.tracking.model_version import Version

UNSEEDED = "unseeded_key"  # on a version: the training that made it, but for its seeds
SEEDS, SCORES = "seeds", "scores.parquet"  # a folder in the evidence, and what it holds of the further seeds
SEED, START = "seed", "model"  # of a training: a field of its config, and the input that it begins from
MOST_VERSIONS = 30  # that tell something of seeds: the latest


@dataclass(frozen=True)
class SeedHistory:
    """Versions of one registered name, in order, as evidence of what a seed changes in a task's loss."""

    versions: Sequence[Version]
    role: str
    task: str

    def noise(self, candidate: Version, champion: Version) -> SeedNoise | None:
        """From the seeds of these two; else of the latest version that has any; None where nothing is known."""
        groups = {version.tags.get(UNSEEDED) or version.full_name: version for version in (champion, candidate)}
        if known := measured([self._values(version) for version in groups.values()]):
            return known
        others = (measured([self._values(version)]) for version in reversed(self.versions))
        return next((noise for noise in others if noise), None)

    @cached_property
    def _losses(self) -> dict[int, Losses]:
        """By version number: its own losses on the task, where its evaluation has them and is at hand."""
        scored = (one for one in self.versions if (one.evidence / SCORES).is_file())
        own = {one.version: read_scores(one.evidence, self.role).get(self.task, {}).get(MODEL) for one in scored}
        return {number: losses for number, losses in own.items() if losses is not None}

    def _values(self, version: Version) -> list[float]:
        """The loss of each training that differs from the version's by seeds only, on the same items; its own too."""
        own = self._losses.get(version.version)
        if own is None:
            return []
        by_training = {_training(version): own.mean} | self._further_seeds(version)
        for other in self.versions:
            if UNSEEDED in version.tags and other.tags.get(UNSEEDED) == version.tags[UNSEEDED]:
                theirs = self._losses.get(other.version)
                if theirs is not None and set(theirs.items) == set(own.items):
                    by_training.setdefault(_training(other), theirs.mean)
        return list(by_training.values())

    def _further_seeds(self, version: Version) -> dict[str, float]:
        """Training → loss of the seeds that the version's run trained besides."""
        if not (version.evidence / SEEDS / SCORES).is_file():
            return {}
        return {
            name: losses.mean for name, losses in read_scores(version.evidence / SEEDS, "").get(self.task, {}).items()
        }


def unseeded_key(store: Path, step: str, key: str) -> str | None:
    """One key for all trainings that differ by seeds only, also in what they begin from; None where it is gone."""
    try:
        manifest = read_manifest(store / step / key)
    except FileNotFoundError:
        return None
    inputs, begins = dict(manifest["inputs"]), manifest.get("input_steps", {}).get(START)
    if begins:
        inputs[START] = unseeded_key(store, begins, inputs[START])
    config = {name: value for name, value in manifest["config"].items() if name != SEED}
    identity: dict[str, Any] = {"step": step, "version": manifest["version"], "config": config, "inputs": inputs}
    return hashlib.sha256(canonical(identity).encode()).hexdigest()[:24]


def _training(version: Version) -> str:
    """The key of the training that made it: packaged again, it is the same model."""
    return version.tags.get("weights_key", version.full_name)
