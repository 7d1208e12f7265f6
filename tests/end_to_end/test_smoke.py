"""The whole pipeline through the command line: the promised outputs, views, models and pages."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient

from flows.servers.prefect_server import ensure_server
from tasks.models.prompting import prompt_builder
from tests.end_to_end.conftest import CommandLine

LABELS = [
    "ingest", "signals", "curate", "tokenizer", "encode", "pretrain", "evaluate/base",
    "finetune/classify", "evaluate/classify", "finetune/instruct", "evaluate/instruct", "register",
]  # fmt: skip
VIEWS = {
    "documents": "doc_id source uri position licence language bytes split partition",
    "signals": "doc_id",
    "decisions": "doc_id kept reason reasons cluster_id kept_id similarity",
    "quarantine": "source uri position reason",
    "shards": "doc_id shard row tokens",
    "steps": "step key state seconds path parents",
    "scores": "model task item_id score contaminated",
    "models": "name version aliases parent key",
    "planted": "doc_id kind level of",
}


@pytest.fixture(scope="module")
def second_run(own_smoke: tuple[CommandLine, dict[str, Any]]) -> tuple[CommandLine, dict[str, Any]]:
    """A copy of the home in which `smoke` has been run a second time, and what that printed."""
    cli, _ = own_smoke
    return cli, cli.json("run", "smoke")


def test_a_run_reports_every_step_with_the_fields_that_scripts_rely_on(smoke):
    _, run = smoke
    assert run["recipe"] == "smoke" and run["state"] == "complete"
    assert [step["step"] for step in run["steps"]] == LABELS
    for step in run["steps"]:
        assert step["state"] == "complete", step
        assert step["key"] and len(step["sha256"]) == 64 and step["mlflow_run_id"], step
        assert Path(step["path"]).is_dir(), step
    assert {model["name"] for model in run["models"]} == {"smoke-base", "smoke-classify", "smoke-instruct"}


def test_a_second_run_is_all_hits_and_changes_nothing(smoke, second_run):
    _, first = smoke
    _, second = second_run
    assert {step["state"] for step in second["steps"]} == {"cached"}
    assert [(s["key"], s["sha256"]) for s in second["steps"]] == [(s["key"], s["sha256"]) for s in first["steps"]]
    assert second["models"] == first["models"]
    assert sum(step["seconds"] for step in second["steps"]) == 0


def test_status_is_the_latest_run(second_run):
    cli, second = second_run
    status = cli.json("status")
    assert status["run"] == second["run"]
    assert [step["step"] for step in status["steps"]] == LABELS


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_the_columns_that_scripts_rely_on(smoke, view):
    cli, _ = smoke
    rows = cli.sql(f"describe {view}")
    assert set(VIEWS[view].split()) <= {row["column_name"] for row in rows}
    assert cli.sql(f"select count(*) as n from {view}")[0]["n"] > 0


def test_every_shipped_question_has_an_answer_as_table_json_and_csv(smoke):
    cli, _ = smoke
    names = [row["name"] for row in cli.json("sql", "--list")]
    assert len(names) >= 13
    of_people = {"arena", "feedback"}  # who have said nothing here
    for name in names:
        assert bool(cli.json("sql", name)) != (name in of_people), name
    assert "reason" in cli.run("sql", "drop_reasons").stdout
    assert cli.call("sql", "drop_reasons", "--csv").stdout.startswith("reason,documents,bytes,share\n")


def test_no_document_is_lost_in_any_step(smoke):
    cli, _ = smoke
    for row in cli.json("sql", "conservation"):
        assert row["read"] == row["kept"] + row["dropped"] + row["quarantined"], row
    (counts,) = cli.sql("select count(*) as all, count(distinct doc_id) as ids from documents")
    assert counts["all"] == counts["ids"]


def test_lineage_reaches_from_a_document_to_step_and_model(smoke):
    cli, _ = smoke
    rows = cli.json("sql", "lineage")
    assert all(row["first_step"] is not None and row["versions"] for row in rows[:5])


def test_every_step_has_an_mlflow_run_with_a_metric_and_an_artifact_that_opens_cached_ones_too(smoke, second_run):
    _, first = smoke
    cli, second = second_run
    client = MlflowClient(f"sqlite:///{cli.home / 'mlflow.db'}")
    ids = [step["mlflow_run_id"] for run in (first, second) for step in run["steps"]]
    assert len(set(ids)) == len(ids)
    for run_id in ids:
        run = client.get_run(run_id)
        file = next(file for file in client.list_artifacts(run_id) if not file.is_dir)
        assert Path(client.download_artifacts(run_id, file.path)).stat().st_size
        assert run.data.metrics and run.data.tags["mlflow.parentRunId"]


def test_prefects_page_names_the_tasks_as_in_the_graph_and_shows_hits_as_cached(second_run):
    cli, _ = second_run
    prefect = ensure_server(cli.home)
    states = []
    for run in prefect.post("/flow_runs/filter", {"sort": "START_TIME_ASC"}):
        tasks = prefect.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
        states.append([run["state"]["name"], sorted([task["name"], task["state"]["name"]] for task in tasks)])
    first, second, *_ = states
    assert first == ["Completed", sorted([label, "Completed"] for label in LABELS)]
    assert second == ["Cached", sorted([label, "Cached"] for label in LABELS)]
    assert {"markdown", "table"} <= {artifact["type"] for artifact in prefect.post("/artifacts/filter", {})}


def test_prefects_page_contacts_its_own_server_wherever_that_listens(smoke):
    cli, _ = smoke
    server = json.loads(next(cli.home.path.glob("**/prefect-server.json")).read_text())
    with urllib.request.urlopen(server["url"].removesuffix("/api") + "/ui-settings") as reply:
        assert json.load(reply)["api_url"] == "/api"


def test_chat_score_and_export_use_the_champion(smoke, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer  # for this test alone: seconds

    cli, _ = smoke
    assert cli.fork("chat", "--prompt", "When was this written?", "--max-tokens", "5").stdout.strip()
    scored = cli.json("score", "smoke-base@champion", "--prompt", "Fellow citizens")
    assert len(scored["ids"]) == len(scored["tokens"]) == len(scored["logprobs"]) > 1
    cli.call("export", "smoke-base@champion", "--format", "hf", "--to", str(tmp_path / "out"))
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    ids = AutoTokenizer.from_pretrained(tmp_path / "out")("<|endoftext|>Fellow citizens").input_ids
    logits = theirs(torch.tensor([ids])).logits.log_softmax(-1)[0, :-1]
    assert ids[1:] == scored["ids"]
    expected = logits.gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()
    assert scored["logprobs"] == pytest.approx(expected, abs=1e-4)


def test_weights_in_the_store_are_prompted_as_they_were_trained(smoke):
    _, run = smoke
    paths = {step["step"]: Path(step["path"]) / "weights" for step in run["steps"] if step["path"]}
    assert prompt_builder("a path", paths["finetune/instruct"]).answers
    assert not prompt_builder("a path", paths["pretrain"]).answers


def test_a_value_changed_on_one_step_is_explained_as_the_root_cause_and_writes_nothing(smoke):
    cli, _ = smoke
    before = sorted(path for path in cli.home.path.rglob("*") if "prefect" not in str(path))
    rows = {
        row["step"]: row
        for row in cli.json("run", "smoke", "--explain", "--set", "curate.gopher_quality.min_doc_words=20")
    }
    assert rows["ingest@0001"]["verdict"] == rows["signals@0001"]["verdict"] == "hit"
    assert rows["curate@0001"]["reasons"] == ["gopher_quality.min_doc_words: 50 → 20"]
    assert rows["tokenizer"]["reasons"] == ["← curate"]
    assert rows["pretrain"]["seconds"] > 0
    rows = {row["step"]: row for row in cli.json("run", "smoke", "--explain", "--set", "pretrain.ffn_width=64")}
    computed = {name: row["seconds"] for name, row in rows.items() if row["verdict"] == "miss"}
    assert computed["pretrain"] is computed["evaluate/base"] is None, "seconds of another network are no measure"
    assert before == sorted(path for path in cli.home.path.rglob("*") if "prefect" not in str(path))
