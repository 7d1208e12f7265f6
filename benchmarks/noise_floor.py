"""What the gate says of models that differ by their seed only: `python -m benchmarks.noise_floor --seeds 8 --steps 80`.

The recipe's base is trained once a seed in one home, and every ordered pair of these models is judged as candidate and
champion: by its items alone, by source text, and with what is known of seeds. Better should be rarer than one in
twenty. `--json` prints one row a line.
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, this folder is all that Python would look in

import numpy as np

from benchmarks.ratio import NO_PEER
from flows.session import Request, open_session, perform
from tasks.comparison.seed_noise import SeedNoise, assumed, measured
from tasks.finetune.method import JudgedBy
from tasks.home import Home
from tasks.register.gate import MODEL, Comparison, Losses, compare
from tasks.register.roles import BASE
from tasks.register.scores import read_scores

JUDGED: JudgedBy = BASE.judged_by
ALPHA = 0.05
CHANGES = ("finetune={}", "evaluate.reference_documents=0", "evaluate.xz=false")

NoiseOf = Callable[[int, int], SeedNoise | None]  # of candidate and champion, by their numbers


def main() -> None:
    """One row a way of judging."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=8, help="six or more: three for each of two models")
    parser.add_argument("--home", type=Path, help="where the models stay; default: a folder that goes again")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Home.at(arguments.home or folder)
        models = [_trained(home, arguments.recipe, arguments.steps, seed) for seed in range(1, arguments.seeds + 1)]
    values = [model.mean for model in models]
    print(f"{JUDGED.task}: {np.mean(values):.4f} ± {np.std(values, ddof=1):.4f} between seeds", file=sys.stderr)
    for way, outcomes in _ways(models).items():
        row = {"work": f"seeds judged {way}", **NO_PEER, "pairs": outcomes.total(), **outcomes}
        print(json.dumps(row) if arguments.json else f"{way:40} {dict(outcomes)} of {outcomes.total()}")


def _trained(home: Home, recipe: str, steps: int, seed: int) -> Losses:
    """The losses of that seed's base."""
    changes = (*CHANGES, f"pretrain.steps={steps}", f"pretrain.seed={seed}")
    record = perform(open_session(Request(home, recipe, changes, until="evaluate/base")))
    evaluation = next(step for step in record.steps if step.step == "evaluate/base")
    if not evaluation.path:
        raise SystemExit(f"run {record.run}: {record.error}")
    return read_scores(Path(evaluation.path), "base")[JUDGED.task][MODEL]


def _ways(models: Sequence[Losses]) -> dict[str, Counter[str]]:
    values = [model.mean for model in models]

    def of_three_each(one: int, other: int) -> SeedNoise | None:
        rest = [n for n in range(len(values)) if n not in (one, other)]
        drawn = random.Random(len(values) * one + other).sample(rest, 4)
        return measured([[values[n] for n in group] for group in ((one, *drawn[:2]), (other, *drawn[2:]))])

    by_item = [replace(model, origins=()) for model in models]
    return {
        "each item for itself": _outcomes(by_item, lambda *_: None),
        "by source text": _outcomes(models, lambda *_: None),
        "with an assumed spread": _outcomes(models, lambda _, other: assumed(values[other], models[other].better)),
        "with two further seeds of each": _outcomes(models, of_three_each),
        "with all seeds known": _outcomes(models, lambda *_: measured([values])),
    }


def _outcomes(models: Sequence[Losses], noise_of: NoiseOf) -> Counter[str]:
    def outcome(one: int, other: int) -> Comparison:
        return compare(models[one], models[other], JUDGED.margin, ALPHA, noise_of(one, other))

    return Counter(outcome(*pair).outcome for pair in permutations(range(len(models)), 2))


if __name__ == "__main__":
    main()
