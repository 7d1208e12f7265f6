"""Versions, aliases and the audit, as a user moves them: by the gate, by command, and by hand in MLflow's page."""

import json
import subprocess
import sys
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.end_to_end.conftest import CommandLine
from tests.end_to_end.forks import clean_environment

LOAD = """
import json, sys, mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
writer = mlflow.pyfunc.load_model("models:/smoke-instruct@champion")
texts = writer.predict(pandas.DataFrame({"prompt": ["When was this written?"]}), params={"max_tokens": 5, "seed": 1})
classifier = mlflow.pyfunc.load_model("models:/smoke-classify@champion")
labels = classifier.predict(pandas.DataFrame({"text": ["Fellow citizens of the Senate"]}))
print(json.dumps([list(texts.columns), list(labels.columns), labels.iloc[0].to_dict()]))
"""


def address(cli: CommandLine) -> str:
    return f"sqlite:///{cli.home / 'mlflow.db'}"


def elsewhere(cli: CommandLine, script: str) -> str:
    """A script in a clean process in another folder, which has MLflow and not this checkout."""
    command = [sys.executable, "-I", "-c", script, address(cli)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def two_versions(own_smoke: tuple[CommandLine, dict[str, Any]]) -> CommandLine:
    """A second version of the base: the same weights, packaged with another margin."""
    cli, _ = own_smoke
    run = cli.json("run", "smoke", "--only", "register", "--set", "registry.base.margin=0.5")
    assert {"smoke-base": 2}.items() <= {model["name"]: model["version"] for model in run["models"]}.items(), run
    return cli


def champion(cli: CommandLine) -> int:
    rows = cli.sql("select version, aliases from models where name = 'smoke-base'")
    (version,) = [row["version"] for row in rows if "champion" in row["aliases"]]
    return version


def audit(cli: CommandLine) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (cli.home / "audit.jsonl").read_text().splitlines()]


def test_each_version_records_its_origin_and_the_verdict_of_the_gate(two_versions):
    tags = MlflowClient(address(two_versions), address(two_versions)).get_model_version("smoke-base", "2").tags
    assert {"key", "git_commit", "data_fingerprint", "verdict", "reasons"} <= tags.keys()
    assert tags["verdict"] == "not worse"  # the same weights, within a margin


def test_promote_and_rollback_move_the_champion_and_log_a_line_each(two_versions):
    before = len(audit(two_versions))
    assert two_versions.json("promote", "smoke-base/1", "--why", "a test")["version"] == 1
    assert champion(two_versions) == 1
    two_versions.json("promote", "smoke-base/2", "--why", "a test")
    assert two_versions.json("rollback", "smoke-base")["version"] == 1
    assert champion(two_versions) == 1
    lines = audit(two_versions)[before:]
    assert any("a test" in json.dumps(line) for line in lines)
    assert any("rollback" in json.dumps(line) for line in lines)


def test_a_fully_cached_run_never_undoes_a_rollback(two_versions):
    two_versions.json("promote", "smoke-base/2")
    two_versions.json("rollback", "smoke-base")
    run = two_versions.json("run", "smoke", "--set", "registry.base.margin=0.5")
    assert {step["state"] for step in run["steps"]} == {"cached"}
    assert champion(two_versions) == 1


def test_an_alias_moved_by_hand_is_detected_kept_and_audited(two_versions):
    two_versions.json("promote", "smoke-base/1")
    MlflowClient(address(two_versions), address(two_versions)).set_registered_model_alias("smoke-base", "champion", "2")
    status = two_versions.json("status")
    assert champion(two_versions) == 2
    assert any("smoke-base" in line for line in status["noticed"]), status["noticed"]
    assert any("MLflow" in json.dumps(line) for line in audit(two_versions)[-2:])


def test_an_unknown_model_is_reported_with_the_nearest_names(two_versions):
    stderr = two_versions.call("promote", "smoke-bas/1", code=2).stderr
    assert "smoke-base/1" in stderr and "fix: " in stderr


def test_the_registered_models_answer_in_a_clean_process_elsewhere(two_versions):
    texts, labels, row = json.loads(elsewhere(two_versions, LOAD).splitlines()[-1])
    assert texts == ["text"]
    chances = [value for name, value in row.items() if name != "label"]
    assert "label" in labels and abs(sum(chances) - 1) < 1e-5


def test_a_preference_tuned_model_is_a_version_of_instruct_and_competes_with_its_champion(two_versions):
    short = '{ kind = "manner", prompt = "Write as {president} in {year}.", response = "{first_sentence}" }'
    changes = ("steps=2", "max_rows=24", f"templates=[{short}]")
    run = two_versions.json("run", "smoke", *(f for c in changes for f in ("--set", f"finetune.prefer.{c}")))
    made = {step["step"]: step["state"] for step in run["steps"]}
    assert (made["finetune/instruct"], made["finetune/prefer"], made["evaluate/prefer"]) == (
        "cached",
        *2 * ["complete"],
    )
    rows = two_versions.sql("select version, aliases, key, parent from models where name = 'smoke-instruct'")
    first, second = sorted(rows, key=lambda row: row["version"])
    assert "candidate" in second["aliases"] and first["key"] != second["key"]
    tasks = two_versions.sql("select distinct task from scores where model = 'prefer' order by task")
    assert {"task": "prefer/ranking"} in tasks
    traced = two_versions.json("trace", "--model", "smoke-instruct/2")
    assert traced["documents"]
