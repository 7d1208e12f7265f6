"""Questions about a run in its first hour: what if, why was it dropped, which model saw it; in the home of `smoke`."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from commands.ask.look import look
from commands.ask.trace import trace_document, trace_model, trace_step
from commands.ask.what_if import what_if
from flows.load import load
from tasks.curate.steps import CURATE
from tasks.errors import UsageError
from tests.end_to_end.conftest import CommandLine


def folder(run: dict, label: str) -> Path:
    step = next(step for step in run["steps"] if step["step"] == label)
    return Path(step["path"])


def kept(decisions: Path) -> set[str]:
    return {row["doc_id"] for row in pq.read_table(decisions).to_pylist() if row["kept"]}


def test_what_if_predicts_what_curation_does_with_the_same_change(smoke, tmp_path):
    cli, run = smoke
    change = "curate.gopher_quality.min_doc_words=250"
    result = what_if(cli.home, "", "", [change])
    inputs = {"documents": folder(run, "ingest"), "signals": folder(run, "signals")}
    CURATE(load("smoke", [change]).recipe.curate.decide(), inputs, tmp_path)
    then, today = kept(tmp_path / "decisions.parquet"), kept(folder(run, "curate") / "decisions.parquet")
    total = result["total"]
    assert (total["kept_today"], total["kept_then"]) == (len(today), len(then)) and len(then) < len(today)
    assert (total["newly_kept"], total["newly_dropped"]) == (len(then - today), len(today - then))
    assert total["bytes_then"] == sum(row["bytes"] for row in pq.read_table(tmp_path / "texts.parquet").to_pylist())
    assert sum(row["kept_then"] for row in result["sources"]) == total["kept_then"]
    changed = {row["doc_id"]: row for row in result["changed"]}
    assert 0 < len(changed) <= 10 and changed.keys() <= then ^ today
    assert all(row["text"] and row["reason_then"] == "gopher_short_doc" for row in changed.values())


def test_an_expression_decides_in_place_of_the_filters_and_leaves_duplicates_as_they_are(smoke):
    cli, _ = smoke
    same = what_if(cli.home, "passes", "", [])["total"]
    assert same["kept_then"] == same["kept_today"] and same["tokens_then"] == same["tokens_today"]
    everything = what_if(cli.home, "true", "", [])
    assert {row["reason"] for row in everything["reasons"] if row["then"]} == {"near_duplicate", "exact_duplicate"}
    assert what_if(cli.home, "passes and words < 0", "", [])["total"]["kept_then"] == 0


@pytest.mark.parametrize(
    ("expression", "changes", "message"),
    [
        ("plain_word >= 80", (), "did you mean plain_words"),
        ("mood = 'calm'", (), "a field of the records is written metadata->>'mood'"),
        ("words >=", (), "as in SQL"),
        ("words in (select 1 from read_csv('/etc/passwd'))", (), "as in SQL"),
        ("", ("curate.gopher_quality.min_doc_word=5",), "did you mean 'min_doc_words'"),
        ("", ("curate.language=de",), "scores anew"),
        ("", ("pretrain.steps=5",), "only curate"),
        ("", (), "EXPRESSION"),
    ],
)
def test_a_mistake_in_a_what_if_is_reported_with_a_fix(smoke, expression, changes, message):
    cli, _ = smoke
    with pytest.raises(UsageError) as error:
        what_if(cli.home, expression, "", changes)
    assert message in str(error.value)


def test_look_shows_the_value_beyond_its_threshold_and_marks_where_it_shows(smoke):
    cli, _ = smoke
    result = look(cli.home, "gopher_below_alpha_threshold", count=2, seed=0)
    assert result["documents"] >= len(result["shown"]) == 2
    for row in result["shown"]:
        assert row["value"] < row["threshold"] == 0.8
        assert row["setting"] == "curate.gopher_quality.max_non_alpha_words_ratio"
        marked = "".join(row["text"][a:b] for a, b in row["spans"])
        assert marked and not any(map(str.isalpha, marked))


def test_the_rules_are_listed_with_this_runs_thresholds_and_what_each_dropped(smoke):
    home, run = smoke
    rows = {row["reason"]: row for row in home.json("sql", "rules")}
    words = load("smoke").recipe.curate.gopher_quality.min_doc_words
    assert (rows["gopher_short_doc"]["threshold"], rows["gopher_short_doc"]["meaning"]) == (
        words,
        f"fewer than {words} words",
    )
    assert rows["gopher_short_doc"]["setting"] == "curate.gopher_quality.min_doc_words"
    reasons = pq.read_table(folder(run, "curate") / "decisions.parquet")["reasons"].to_pylist()
    assert rows["near_duplicate"]["documents"] == sum("near_duplicate" in each for each in reasons) > 0
    assert not rows["digits"]["is_on"] and rows["digits"]["documents"] == 0


def test_look_sets_a_near_duplicate_beside_the_document_kept_for_it(smoke):
    cli, _ = smoke
    for row in look(cli.home, "near_duplicate", count=9, seed=0)["shown"]:
        assert row["value"] >= row["threshold"] == 0.7
        other = set(row["kept_text"].split())
        assert all(set(row["text"][a:b].split()) - other for a, b in row["spans"] if "\n" not in row["text"][a:b])


def test_look_at_an_unknown_reason_names_the_nearest_and_all_that_exist(smoke):
    cli, _ = smoke
    with pytest.raises(UsageError, match="near_duplicate"):
        look(cli.home, "near_duplicates", count=1, seed=0)
    assert look(cli.home, "kept", count=3, seed=1)["shown"] != look(cli.home, "kept", count=3, seed=2)["shown"]


def test_a_step_names_its_documents_and_each_of_them_names_the_step(smoke):
    cli, _ = smoke
    step = trace_step(cli.home, 5, "")
    assert step["documents"] and step["reported"]["step"] == 5
    for row in step["documents"]:
        result = trace_document(cli.home, row["doc_id"], "")
        base = next(model for model in result["models"] if model["model"] == "smoke-base/1")
        assert 5 in base["trainings"][0]["steps"]
        assert result["document"]["shard"] == row["shard"] and result["document"]["kept"]


def test_a_model_saw_the_documents_of_its_own_steps_and_its_bases(smoke):
    cli, _ = smoke
    result = trace_model(cli.home, "smoke-instruct@champion")
    assert [training["training"] for training in result["trainings"]] == ["finetune/instruct", "pretrain"]
    rows = cli.sql("select doc_id, min(step) as first_step, count(*) as n from trained group by doc_id")
    seen = {row["doc_id"]: row["first_step"] for row in result["documents"] if row["training"] == "pretrain"}
    assert seen == {row["doc_id"]: row["first_step"] for row in rows}


def test_a_dropped_document_was_seen_by_no_model(smoke):
    cli, _ = smoke
    gone = look(cli.home, "exact_duplicate", count=1, seed=0)["shown"][0]
    result = trace_document(cli.home, gone["doc_id"], "")
    assert result["document"]["reason"] == "exact_duplicate" and result["document"]["kept_id"] == gone["kept_id"]
    assert len(result["models"]) == 3 and not any(model["saw"] for model in result["models"])


def test_each_question_is_a_command_that_prints_json_and_exits_2_on_a_mistake(smoke: tuple[CommandLine, dict]):
    cli, _ = smoke
    (counted,) = cli.sql("select count(*) as documents from documents")
    assert cli.json("what-if", "plain_words >= 60")["total"]["documents"] == counted["documents"]
    assert cli.json("trace", "--step", "1")["documents"]
    assert "did you mean" in cli.call("what-if", "plain_word > 1", code=2).stderr
    shown = cli.call("look", "near_duplicate").stdout
    assert "⟦" in shown and "kept for it" in shown


def test_the_leaderboard_says_which_way_is_better_and_marks_the_best(smoke):
    cli, _ = smoke
    rows = cli.json("sql", "leaderboard")
    assert {row["better"] for row in rows if row["task"].startswith("bits_per_byte/")} == {"↓"}
    assert {row["better"] for row in rows if row["task"].endswith("accuracy")} == {"↑"}
    for task in {row["task"] for row in rows}:
        values = [row["value"] for row in rows if row["task"] == task]
        best = {row["value"] for row in rows if row["task"] == task and row["best"]}
        assert best == {min(values) if {row["better"] for row in rows if row["task"] == task} == {"↓"} else max(values)}
        assert values[0] in best


def test_a_table_is_no_question_and_tables_can_be_listed(smoke):
    cli, _ = smoke
    assert "triptych sql -e 'SELECT * FROM scores'" in cli.call("sql", "scores", code=2).stderr
    assert "did you mean 'leaderboard'? there are: arena, " in cli.call("sql", "leaderbord", code=2).stderr
    assert "metadata->>'mood' of documents" in cli.call("sql", "-e", "select mood from documents", code=2).stderr
    assert {"documents", "scores"} <= {row["name"] for row in cli.json("sql", "-e", "show tables;")}


def test_a_file_is_known_by_its_own_name_and_a_mistyped_one_has_neighbours(smoke):
    cli, _ = smoke
    with pytest.raises(UsageError, match=r"several documents\n.*give one of: addresses/1790-Washington-1#0, "):
        trace_document(cli.home, "1790-Washington-1.txt", "")
    with pytest.raises(UsageError, match="did you mean addresses/1790-Washington-1#0 or "):
        trace_document(cli.home, "1790-Washingtn-1", "")
