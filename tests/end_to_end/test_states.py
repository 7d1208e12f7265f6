"""Steps that are neither new nor cached: computed again with equal bytes, or skipped for want of labels."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import ANY

from tasks.home import Home
from tests.end_to_end.conftest import check_exit
from tests.end_to_end.forks import Forks
from tests.end_to_end.test_grow import text

LETTERS = """
extends = "smoke"
ingest.path = "{folder}"
curate.filters = []
pretrain.steps = 2
pretrain.context = 256
"""


def run(forks: Forks, home: Home, *arguments: str) -> dict[str, Any]:
    command = ("run", *arguments, "--json")
    return json.loads(check_exit(forks.start(home, *command).wait(), command, code=0).stdout.splitlines()[-1])


def test_steps_computed_again_are_reported_as_reproduced_and_the_stored_ones_stay(own_smoke, forks):
    cli, first = own_smoke
    stored = {step["step"]: step for step in first["steps"]}
    manifest = Path(stored["tokenizer"]["path"]) / "manifest.json"
    before = manifest.stat().st_mtime_ns
    again = run(forks, cli.home, "smoke", "--from", "tokenizer", "--until", "encode")
    assert [step["step"] for step in again["steps"]] == ["tokenizer", "encode"]
    for step in again["steps"]:
        assert (step["state"], step["reason"]) == ("complete", "reproduced: the same bytes again")
        assert step["sha256"] == stored[step["step"]]["sha256"]
    assert manifest.stat().st_mtime_ns == before


def test_a_folder_without_labels_skips_the_classifier_with_a_reason_and_registers_the_rest(own_smoke, forks, tmp_path):
    (tmp_path / "letters").mkdir()
    for n in range(40):
        (tmp_path / "letters" / f"{n}.txt").write_text(text(n))
    recipe = tmp_path / "letters.toml"
    recipe.write_text(LETTERS.format(folder=tmp_path / "letters"))
    record = run(forks, own_smoke[0].home, str(recipe))
    states = {step["step"]: (step["state"], step["reason"]) for step in record["steps"]}
    assert states["finetune/classify"] == ("skipped", ANY) and "no document has year" in states["finetune/classify"][1]
    assert states["evaluate/classify"] == (
        "skipped",
        f"finetune/classify was skipped: {states['finetune/classify'][1]}",
    )
    assert states["register"] == ("complete", ANY)
    assert {model["name"] for model in record["models"]} == {"letters-base", "letters-instruct"}
