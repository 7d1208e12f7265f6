"""What the registry knows of seeds: further trainings of a run, and versions that differ by nothing else."""

from pathlib import Path

import pytest

from tasks.register.seeds import SEEDS, UNSEEDED, SeedHistory, unseeded_key
from tasks.store.artifacts import Store
from tasks.store.step import Frozen, Stats, Step
from tasks.tracking.model_version import Version
from tests.tasks.register.conftest import write_scores


class Training(Frozen):
    steps: int = 10
    seed: int = 0


def train(config: Training, inputs, out: Path) -> Stats:
    (out / "weights").write_text(repr(config))
    return Stats()


PRETRAIN, TUNE = Step("pretrain", 1, Training, train), Step("finetune/instruct", 1, Training, train)


def test_trainings_that_differ_by_seeds_only_have_one_key_also_through_what_they_begin_from(tmp_path):
    store = Store(tmp_path)

    def keys(steps: int, seed: int, tuned_seed: int) -> tuple[str | None, str | None]:
        base = store.complete(PRETRAIN, Training(steps=steps, seed=seed), {})
        tuned = store.complete(TUNE, Training(seed=tuned_seed), {"model": base})
        return unseeded_key(tmp_path, "pretrain", base.key), unseeded_key(tmp_path, "finetune/instruct", tuned.key)

    assert keys(10, 0, 0) == keys(10, 1, 2)
    assert not {*keys(10, 0, 0)} & {*keys(11, 0, 0)}
    assert unseeded_key(tmp_path, "pretrain", "gone") is None


def version(folder: Path, number: int, loss: float, unseeded: str, items: str = "a") -> Version:
    made = Version("demo-base", number, (), {UNSEEDED: unseeded, "weights_key": f"w{number}"}, folder / str(number))
    made.evidence.mkdir(parents=True)
    write_scores(made.evidence, loss, items)
    return made


def test_versions_of_one_training_and_their_further_seeds_are_one_group(tmp_path):
    one, two = version(tmp_path, 1, 1.0, "x"), version(tmp_path, 2, 1.2, "x")
    other, elsewhere = version(tmp_path, 3, 3.0, "y"), version(tmp_path, 4, 1.1, "x", items="b")
    again = Version("demo-base", 5, (), two.tags, two.folder)  # the same weights, packaged again
    noise = SeedHistory([one, two, other, elsewhere, again], "base", "text").noise(two, one)
    assert noise is not None and (noise.freedom, noise.seeds) == (1, 2)
    assert noise.deviation == pytest.approx(0.2 / 2**0.5)
    alone = SeedHistory([other], "base", "text")
    assert alone.noise(other, other) is None
    (other.evidence / SEEDS).mkdir()
    write_scores(other.evidence / SEEDS, 3.1, "a")  # of two trainings: base and ngram
    noise = alone.noise(other, other)
    assert noise is not None and (noise.freedom, noise.seeds) == (2, 3)
    assert (
        SeedHistory([one, other], "base", "text").noise(one, one) == noise
    )  # of an earlier training: better than none
