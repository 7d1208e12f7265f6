"""Publishing makes one version per content and one verdict per pair, acted on once; it logs every move of an alias."""

import json
import multiprocessing
import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient

from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.register import publish as publish_module
from tasks.register.aliases import audit_external_moves, promote, rollback
from tasks.register.publish import Publisher, RunInfo, publish, publish_waiting
from tasks.tracking.connection import DATABASE, tracking_uri
from tasks.tracking.model_version import Version
from tasks.tracking.registry import aliases, models, resolve, versions
from tests.tasks.register.conftest import write_scores

INFO = RunInfo(run="r1", recipe="demo", git_commit="abc", data_fingerprint="def")


def audit(home: Home) -> list[dict]:
    return [json.loads(line) for line in home.audit.read_text().splitlines()]


def test_the_first_version_that_beats_the_baseline_becomes_champion(home, make_package):
    (made,) = publish(make_package(1.0), home, INFO)
    assert (made.name, made.version, made.aliases) == ("demo-base", 1, ("candidate", "champion"))
    (version,) = versions(home)
    assert version.tags["verdict"] == "better"
    assert "ngram" in version.tags["reasons"]
    assert {"key", "parents", "git_commit", "data_fingerprint", "weights_key"} <= version.tags.keys()
    assert (version.weights / "model.safetensors").is_file()
    assert [(line["what"], line["to"]) for line in audit(home)] == [
        ("demo-base@candidate", 1),
        ("demo-base@champion", 1),
    ]


def test_a_first_version_below_the_baseline_stays_a_candidate(home, make_package):
    (made,) = publish(make_package(3.0), home, INFO)
    assert (made.aliases, made.verdict.outcome, made.is_champion) == (("candidate",), "worse", False)


def test_reading_the_registry_without_mlflow_equals_mlflows_client(home, make_package):
    publish(make_package(1.0), home, INFO)
    publish(make_package(0.5), home, INFO)
    client = MlflowClient(tracking_uri(home))
    ours = {(v.name, v.version): (v.aliases, v.tags) for v in versions(home)}
    theirs = {
        (v.name, int(v.version)): (tuple(sorted(client.get_model_version(v.name, v.version).aliases)), dict(v.tags))
        for v in client.search_model_versions("name = 'demo-base'")
    }
    assert ours == theirs
    assert [row["aliases"] for row in models(home)] == [["previous"], ["candidate", "champion"]]


def test_a_version_that_differs_by_its_seed_only_is_never_better_by_that(home: Home, make_package):
    publish(make_package(1.0), home, INFO)
    (made,) = publish(make_package(1.0, seed=1), home, INFO)
    (_, second) = versions(home)
    assert made.verdict.outcome == "not worse" and "measured on 2" in second.tags["reasons"]


def test_publishing_again_publishes_nothing_and_moves_nothing(home, make_package):
    package = make_package(1.0)
    first = publish(package, home, INFO)
    lines = audit(home)
    again = publish(package, home, INFO)
    assert again[0].version == first[0].version
    assert again[0].verdict == first[0].verdict
    assert not again[0].is_new
    assert (len(versions(home)), audit(home)) == (1, lines)


def delete_version(home: Home, name: str, version: int) -> None:
    """As MLflow's page does it."""
    MlflowClient(tracking_uri(home)).delete_model_version(name, str(version))


def test_a_deleted_first_champion_is_replaced_by_the_oldest_version_left(home, make_package):
    publish(make_package(1.0), home, INFO)
    publish(make_package(0.8), home, INFO)
    delete_version(home, "demo-base", 1)
    (made,) = publish(make_package(0.6), home, INFO)
    assert (made.version, made.is_champion) == (3, True)
    assert made.verdict.reasons[-1].startswith("the first champion, demo-base/1, is deleted: demo-base/2 stands for it")
    assert ("demo-base anchor", 2) in [(line["what"], line["to"]) for line in audit(home)]
    (later,) = publish(make_package(0.5), home, INFO)
    assert later.is_champion and "is deleted" not in " ".join(later.verdict.reasons)


def test_a_deleted_champion_leaves_a_model_that_is_judged_as_at_first(home, make_package):
    publish(make_package(1.0), home, INFO)
    delete_version(home, "demo-base", 1)
    (made,) = publish(make_package(0.9), home, INFO)
    assert (made.version, made.is_champion, made.verdict.outcome) == (2, True, "better")


def test_a_champion_whose_files_are_gone_judges_nothing_and_ends_no_run(home, make_package):
    publish(make_package(1.0), home, INFO)
    shutil.rmtree(versions(home)[0].folder)
    (made,) = publish(make_package(0.5), home, INFO)
    assert (made.version, made.is_champion, made.verdict.outcome) == (2, False, "undecided")
    assert "what it is judged against cannot be read" in made.verdict.reasons[0]


@pytest.mark.parametrize(
    ("promote", "aliases", "reason"),
    [
        (False, (), ("its base demo-base/2 was not promoted (worse)",)),
        (False, ("champion",), ()),  # by hand
        (True, ("previous",), ()),
    ],
)
def test_what_was_tuned_from_a_refused_base_says_so(home, tmp_path, monkeypatch, *, promote, aliases, reason):
    verdict = json.dumps({"outcome": "worse", "promote": promote, "reasons": ["x"]})
    base = Version("demo-base", 2, aliases, {"gate.1": verdict}, tmp_path)
    tuned = Version("demo-instruct", 1, (), {"parent": "demo-base/2"}, tmp_path)
    monkeypatch.setattr(publish_module, "versions", lambda *_: [base, tuned])
    publisher = Publisher(SimpleNamespace(home=home), tmp_path, {}, INFO, None)
    assert publisher._refused_base(tuned) == reason and publisher._refused_base(base) == ()


def test_a_cached_run_never_undoes_a_rollback(home, make_package):
    publish(make_package(1.0), home, INFO)
    package = make_package(0.5)
    assert publish(package, home, INFO)[0].is_champion
    assert rollback("demo-base", home).version == 1
    assert aliases(home)["demo-base"] == {"candidate": 2, "champion": 1, "previous": 2}
    assert not publish(package, home, INFO)[0].is_champion
    assert aliases(home)["demo-base"]["champion"] == 1
    assert rollback("demo-base", home).version == 2


def test_a_worse_candidate_is_refused_with_its_reason(home, make_package):
    publish(make_package(1.0), home, INFO)
    (made,) = publish(make_package(1.5), home, INFO)
    assert (made.verdict.outcome, made.aliases) == ("worse", ("candidate",))
    assert aliases(home)["demo-base"]["champion"] == 1
    assert "the champion" in versions(home)[1].tags["reasons"]


def test_a_champion_from_another_corpus_is_scored_on_the_candidates_items(home, make_package, tmp_path):
    publish(make_package(1.0), home, INFO)
    package = make_package(1.2, items="b")
    assert publish(package, home, INFO)[0].verdict.outcome == "undecided"
    rescored = []

    def rescore(role: str, weights: Path) -> Path:
        rescored.append((role, (weights / "config.json").is_file()))
        write_scores(tmp_path, 1.4, "b")
        return tmp_path

    (made,) = publish(package, home, INFO, rescore)
    assert (made.verdict.outcome, made.is_champion, rescored) == ("better", True, [("base", True)])


def test_an_alias_moved_by_hand_is_kept_and_audited(home, make_package):
    publish(make_package(1.0), home, INFO)
    publish(make_package(0.5), home, INFO)
    MlflowClient(tracking_uri(home)).set_registered_model_alias("demo-base", "champion", "1")
    assert audit_external_moves(home) == ["demo-base@champion was moved by hand: 2 → 1; kept"]
    assert audit_external_moves(home) == []
    assert audit(home)[-1] | {"time": ""} == {
        "time": "",
        "who": "MLflow's page or another program",
        "what": "demo-base@champion",
        "from": 2,
        "to": 1,
        "why": "moved by hand",
    }
    assert aliases(home)["demo-base"]["champion"] == 1


def test_promotion_by_hand_keeps_the_old_champion_as_previous(home, make_package):
    publish(make_package(1.0), home, INFO)
    publish(make_package(1.5), home, INFO)
    assert promote("demo-base/2", home, "a demonstration").aliases == ("candidate", "champion")
    assert aliases(home)["demo-base"]["previous"] == 1
    assert audit(home)[-1]["why"] == "a demonstration"


def test_a_kill_between_verdict_and_promotion_is_repaired_once(home, make_package):
    package = make_package(1.0)
    publish(package, home, INFO)
    client = MlflowClient(tracking_uri(home))
    client.delete_registered_model_alias("demo-base", "champion")
    client.set_model_version_tag("demo-base", "1", "gate.pending", "0")
    home.known_aliases.write_text('{"demo-base": {"candidate": 1}}')
    assert publish(package, home, INFO)[0].is_champion
    assert "gate.pending" not in versions(home)[0].tags
    client.delete_registered_model_alias("demo-base", "champion")
    assert not publish(package, home, INFO)[0].is_champion


def test_a_lost_database_is_published_to_again(home, make_package, fresh_home):
    package = make_package(1.0)
    publish(package, home, INFO)
    shutil.copy(fresh_home / DATABASE, home / DATABASE)
    assert publish(package, home, INFO)[0].aliases == ("candidate", "champion")


def test_two_runs_at_once_publish_one_version(home, make_package):
    package = make_package(1.0)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(abs, (-1,)) == 1  # it has started
        theirs = pool.apply_async(publish, (package, home, INFO))
        ours = publish(package, home, INFO)
        made = [*theirs.get(), *ours]
    assert sorted(version.is_new for version in made) == [False, True]
    assert len(versions(home)) == 1


def test_a_locked_database_postpones_publishing(home, make_package):
    package = make_package(1.0)
    holder = sqlite3.connect(home / DATABASE)
    holder.execute("BEGIN EXCLUSIVE")
    assert publish(package, home, INFO) == []
    holder.close()
    (made,) = publish_waiting(home)
    assert made.is_champion
    assert publish_waiting(home) == []


@pytest.mark.parametrize("where", [0, 4096])
def test_a_corrupt_database_postpones_publishing_and_is_reported_with_a_fix(home, make_package, capsys, where):
    package, whole = make_package(1.0), (home / DATABASE).read_bytes()
    (home / DATABASE).write_bytes(whole[:where] + b"\x2a" * (len(whole) - where))
    assert publish(package, home, INFO) == []
    assert "from a backup, or move" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"mlflow\.db: .*\n.*from a backup"):
        versions(home)
    (home / DATABASE).write_bytes(whole)
    (made,) = publish_waiting(home)
    assert made.is_champion


def test_postponed_publishing_happens_in_a_home_that_was_moved(home, make_package):
    package = make_package(1.0)
    holder = sqlite3.connect(home / DATABASE)
    holder.execute("BEGIN EXCLUSIVE")
    assert publish(package, home, INFO) == []
    holder.close()
    moved = Home(home.path.rename(home.path.with_name("moved home")))
    (made,) = publish_waiting(moved)
    assert made.is_champion
    assert resolve("demo-base@champion", moved).is_relative_to(moved.path)


def test_a_changed_byte_in_a_registered_model_is_detected(home, make_package):
    publish(make_package(1.0), home, INFO)
    weights = resolve("demo-base@champion", home)
    (weights / "model.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match=r"model\.safetensors: not what was registered as demo-base/1"):
        resolve("demo-base/1", home)


def test_a_home_that_was_moved_still_finds_its_weights(home, make_package):
    publish(make_package(1.0), home, INFO)
    moved = Home(home.path.rename(home.path.with_name("moved home")))
    assert resolve("demo-base@champion", moved).is_relative_to(moved.path)


def test_an_unknown_model_is_reported_with_the_nearest_names(home, make_package, tmp_path):
    publish(make_package(1.0), home, INFO)
    with pytest.raises(UsageError, match="did you mean demo-base@champion"):
        resolve("demo-bse@champion", home)
    assert resolve(str(versions(home)[0].weights), home) == versions(home)[0].weights
    with pytest.raises(UsageError, match="no previous version"):
        rollback("demo-base", home)
    with pytest.raises(UsageError, match="no registered model 'nobody'"):
        rollback("nobody", home)
