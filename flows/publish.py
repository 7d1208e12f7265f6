"""What `register` does after packaging, never cached: publish the packages, let the gate judge, note the versions."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from flows.graph import StepOutput
from flows.runner import Runner, content_of
from tasks.errors import UserError
from tasks.progress import say
from tasks.register.publish import Rescore, RunInfo, publish
from tasks.store.hashing import file_sha256
from tasks.store.step import NOT_IN_KEY, Frozen, Inputs, Stats, Step
from tasks.tracking.registry import models


def publisher(runner: Runner) -> Callable[[StepOutput], str]:
    """The end of `register`: its answer is the verdicts in words, for the run's record."""

    def finish(made: StepOutput) -> str:
        home, record = runner.home, runner.record
        patience = 0.0 if made.state == "cached" else 1.0  # seconds: only a new version names the run
        encoded = runner.made["encode"]
        info = RunInfo(
            run=record.run,
            recipe=record.recipe,
            git_commit=runner.store.git_commit,
            data_fingerprint=content_of(encoded) if encoded.parts else None,
            mlflow_run_id=runner.tracker.mlflow_run_id(seconds=patience) if runner.tracker else None,
        )
        published = publish(made.artifact.path, home, info, rescorer(runner))
        mine = {version.name for version in published}
        if mine:  # else MLflow is away, and nothing was published
            runner.record = replace(record, models=tuple(model for model in models(home) if model["name"] in mine))
        moved = sorted({note for version in published for note in version.notes})
        return " · ".join([*(f"{version.name}/{version.version} {version.verdict}" for version in published), *moved])

    return finish


class ChampionConfig(Frozen):
    """Registered weights, by the hashes of their files."""

    files: dict[str, str]  # name → sha256
    folder: Annotated[Path, NOT_IN_KEY]


def fetch(config: ChampionConfig, inputs: Inputs, out: Path) -> Stats:
    """The champion's weights as an artifact, so that it can be evaluated like any model of the graph."""
    shutil.copytree(config.folder, out / "weights")
    return Stats()


FETCH = Step("champion", 1, ChampionConfig, fetch)


def rescorer(runner: Runner) -> Rescore:
    """Evaluates a champion of another corpus on this run's items, so that the pair to compare exists."""

    def rescore(role: str, weights: Path) -> Path | None:
        if f"evaluate/{role}" not in runner.calls:
            return None
        files = {path.name: file_sha256(path) for path in sorted(weights.iterdir())}
        champion = runner.store.complete(FETCH, ChampionConfig(files=files, folder=weights), {})
        step, call = runner.calls[f"evaluate/{role}"]
        try:
            return runner.store.complete(step, call.config, {**call.artifacts(), "model": champion}).path
        except UserError as error:  # e.g. a classifier of other classes: the pair cannot be compared
            say(f"  the champion of {role} cannot be scored on this run's items: {error.what}")
            return None

    return rescore
