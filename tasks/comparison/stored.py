"""The scores that a registered version brought with it from its run's evaluation."""

import numpy as np

from tasks.comparison.contestants import Contestant, ItemScores
from tasks.register.gate import MODEL
from tasks.register.scores import read_scores
from tasks.tracking.model_version import Version

SAMPLE = "_sample"  # ending of a task that holds some items of another one


def stored_scores(name: str, version: Version) -> Contestant:
    """Its own scores, item by item; none for an imported model, which no run has evaluated."""
    if not (version.evidence / "scores.parquet").is_file():
        return Contestant(name, {})
    scores = read_scores(version.evidence, version.tags["role"])
    own = {task: by_model[MODEL] for task, by_model in scores.items() if MODEL in by_model}
    return Contestant(
        name,
        {
            task: ItemScores(
                losses.items,
                losses.loss if losses.better == "lower" else 0.0 - losses.loss,
                losses.weight,
                losses.texts,
                np.asarray(losses.contaminated, bool),
                losses.better,
            )
            for task, losses in own.items()
            if not task.endswith(SAMPLE)
        },
    )
