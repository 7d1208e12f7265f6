"""Good and bad answers without partners, learned for real on a tiny network and scored."""

from pathlib import Path

import pytest

from flows.load import load
from flows.recipe import FinetuneConfig
from tasks.finetune.methods.kto import KTO, KtoConfig, labelled_answer, rank
from tasks.finetune.steps import finetune
from tasks.store.step import Inputs
from tests.tasks.finetune.eras import ANSWERS
from tests.tasks.finetune.test_finetune import rows_of


def test_good_answers_rise_above_the_reference_point_and_bad_ones_fall_below(inputs: Inputs, tmp_path: Path) -> None:
    config = KtoConfig.model_validate({**ANSWERS.model_dump(), "batch": 16, "steps": 40})
    stats = finetune(KTO, config, inputs, tmp_path)
    rows = rows_of(tmp_path)
    assert set(rows["train"]["desirable"]) == set(rows["test"]["desirable"]) == {True, False}
    assert stats.metrics["val_accuracy"] > 0.75 and stats.metrics["val_margin"] > 0
    assert (tmp_path / "weights" / "model.safetensors").is_file()


def test_own_rows_have_a_completion_and_a_label_that_is_true_or_false() -> None:
    for record in ({"prompt": "Why?", "completion": "So."}, {"prompt": "Why?", "response": "So."}):
        row = labelled_answer({**record, "label": False})
        assert (row["prompt"], row["response"], row["desirable"]) == ("Why?", "So.", False)
    for wrong in ({"prompt": "Why?", "completion": "So.", "label": 1}, {"prompt": "Why?", "label": True}):
        with pytest.raises(ValueError):
            labelled_answer(wrong)


def test_a_recipe_may_name_kto_and_the_gate_has_a_standard_for_it() -> None:
    recipe = load("smoke", ["finetune.kto.steps=3", "registry.kto.margin=0.1"]).recipe
    assert isinstance(recipe.finetune, FinetuneConfig) and recipe.finetune.methods["kto"].steps == 3
    assert (
        recipe.registry.model_dump()["kto"] | {"margin": 0.1, "task": "kto/ranking"}
        == recipe.registry.model_dump()["kto"]
    )


def test_a_good_answer_is_ranked_by_the_share_of_bad_ones_below_it() -> None:
    import numpy as np

    assert rank(np.array([3.0, 1.0, 2.0, 3.0]), np.array([True, False, True, False])) == [0.75, 0.5]
