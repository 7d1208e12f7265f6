"""A document is forgotten in a home with a registered model: no file of it holds the text, and no next run reads it."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import commands.home.forget
from commands.home import what_remains
from commands.home.forget import HELD, TRAINED, forget
from commands.home.show import show_forgotten
from commands.home.text_overlaps import Quotes, runs_of, words_of
from flows.record import RunRecord, StepRecord
from tasks.errors import UsageError, UserError
from tasks.feedback.log import append, entries
from tasks.home import Home
from tasks.ingest.ledger import record_arrivals
from tasks.ingest.steps import INGEST
from tasks.look_up.passage_index import index_of, outlived_indexes
from tasks.register.package import REGISTER
from tasks.register.publish import RunInfo, publish
from tasks.store.artifacts import Artifact, Store
from tasks.store.contents import read_contents
from tasks.store.garbage import in_use
from tasks.store.step import Frozen, Inputs, Stats, Step
from tasks.tracking.registry import versions
from tests.tasks.corpora import config_of, jsonl, write
from tests.tasks.feedback.entries import judged
from tests.tasks.look_up.parts import Part
from tests.tasks.models.byte_level import write_tokenizer
from tests.tasks.register.conftest import CONFIG, Given, made_up_weights, write_scores

SECRET = " ".join(f"secret{i}" for i in range(40))
TESTED = " ".join(f"tested{i}" for i in range(40))
NAMES = ("books/secret", "books/tested")


class Nothing(Frozen):
    pass


def encode(config: Nothing, inputs: Inputs, out: Path) -> Stats:
    """The split of each document; `tested` is not trained on."""
    documents = inputs["documents"]
    assert isinstance(documents, Path)
    ids = pq.read_table(next(documents.glob("documents/*.parquet")))["doc_id"].to_pylist()
    splits = ["test" if doc_id == "books/tested" else "train" for doc_id in ids]
    pq.write_table(pa.table({"doc_id": ids, "split": splits}), out / "bytes.parquet")
    return Stats()


def labelled(config: Nothing, inputs: Inputs, out: Path) -> Stats:
    """Rows of a classifier: the author of `secret` is the author of nothing else."""
    folder = out / "rows" / "train"
    folder.mkdir(parents=True)
    names = ["Ada Weniger", "Somebody Else"]
    info = {"features": {"label": {"names": names, "_type": "ClassLabel"}, "doc_id": {"dtype": "string"}}}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    rows = pa.table({"label": [0, 1, 1], "doc_id": ["books/secret", "books/tested", "books/d1"]})
    with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", rows.schema) as stream:
        stream.write_table(rows)
    return Stats()


def evaluate(config: Given, inputs: Inputs, out: Path) -> Stats:
    write_scores(out, config.loss, config.items)
    (out / "samples.jsonl").write_text(json.dumps({"text": f"it wrote:\n{SECRET}"}))
    return Stats()


ENCODE = Step("encode", 1, Nothing, encode)
TRAIN = Step("pretrain", 1, Given, made_up_weights)
CLASSIFY = Step("finetune/classify", 1, Nothing, labelled)
EVALUATE = Step("evaluate/base", 1, Given, evaluate)


def make_artifacts(home: Home, folder: Path) -> list[Artifact]:
    """The pipeline in small, over the newest files: ingest, shards, training, evaluation, package."""
    config, store = config_of(folder), Store(home / "store")
    part = list(record_arrivals("demo", config, home).parts.values())[-1]
    documents = store.complete(INGEST, config.part(part), {"earlier": {}})
    shards = store.complete(ENCODE, Nothing(), {"documents": documents})
    model = store.complete(TRAIN, Given(loss=1.0), {"shards": {"0001": shards}})
    scores = store.complete(EVALUATE, Given(loss=1.0), {"model": model})
    store.complete(CLASSIFY, Nothing(), {"shards": shards})
    package = store.complete(REGISTER, CONFIG, {"base": model, "scores_base": scores})
    return [documents, shards, model, scores, package]


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("once")
    others = [{"id": f"d{i}", "text": " ".join(f"other{i}x{j}" for j in range(30))} for i in range(4)]
    to_forget = [{"id": "secret", "text": SECRET}, {"id": "tested", "text": TESTED}]
    write(root / "in", {"a.jsonl": jsonl(*others, *to_forget)})
    artifacts = make_artifacts(Home(root / "runs"), root / "in")
    steps = tuple(StepRecord(a.step, a.key, "complete", "", 1.0, a.sha256, str(a.path)) for a in artifacts)
    RunRecord("r1", "demo", "complete", "", steps=steps).write(Home(root / "runs"))
    publish(artifacts[-1].path, Home(root / "runs"), RunInfo(run="r1", recipe="demo"))
    tracked = root / "runs" / "mlflow-artifacts" / "demo" / "run" / "artifacts"
    short = " ".join(SECRET.split()[7:12])
    confusion = "truth,Ada Weniger,Somebody Else\nAda Weniger,1,0\n"
    files = {
        "samples.jsonl": jsonl({"text": f"it wrote: {SECRET}"}),
        "short.md": f"It wrote {short}.",
        "summary.json": "{}",
    }
    write(tracked, {**files, "confusion.csv": confusion, "classes.svg": "<text>Somebody Else</text>"})
    model = root / "runs" / "mlflow-artifacts" / "demo" / "models" / "m-0" / "artifacts"
    write(model, {"MLmodel": 'signature: \'["Ada Weniger", "Somebody Else"]\''})
    write_tokenizer(model)
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {"Ġsecret7": 300, "Ġother1x1": 301}
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    return root


@pytest.fixture
def home(made_once: Path, tmp_path: Path) -> Home:
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*-journal"))
    return Home(tmp_path / "runs")


def files_quoting(home: Home, text: str) -> list[str]:
    quotes = Quotes(runs_of(words_of(text)))
    return [path.name for path in home.path.rglob("*") if path.is_file() and quotes.within_file(path)]


def test_a_forgotten_text_leaves_every_file_and_the_next_run_goes_without_it(home):
    assert {"samples.jsonl", "00000.parquet"} <= set(files_quoting(home, SECRET))
    report = forget(home, ["books/secret"], why="at its author's request")
    assert report["still_quoted_in"] == [] == files_quoting(home, SECRET)
    assert (home / "mlflow-artifacts" / "demo" / "run" / "artifacts" / "summary.json").exists()
    assert report["versions"] == [{"version": "demo-base/1", "why": TRAINED}] and report["run_again"] == ["demo"]
    (version,) = versions(home)
    assert json.loads(version.tags["forgotten"]) == ["books/secret"] and version.weights.is_dir()
    line = json.loads((home / "audit.jsonl").read_text().splitlines()[-1])
    assert (line["what"], line["why"]) == ("forget", "at its author's request")
    documents = make_artifacts(home, home.path.with_name("in"))[0]
    ids = pq.read_table(documents.path / "documents" / "00000.parquet")["doc_id"].to_pylist()
    assert "books/secret" not in ids and len(ids) == 5 and files_quoting(home, TESTED)


def test_an_index_that_holds_a_forgotten_text_goes_with_it(home):
    shards = next((home.store / "encode").iterdir()).name
    index_of([Part(Path(shards), {"books/secret": SECRET})], home)
    assert "passages.arrow" in files_quoting(home, SECRET)
    assert forget(home, ["books/secret"])["still_quoted_in"] == [] == outlived_indexes(home)


def test_labels_words_and_short_quotes_that_only_it_had_are_removed_or_reported_with_a_fix(home):
    tracked, model = (
        home / "mlflow-artifacts" / "demo" / "run" / "artifacts",
        "mlflow-artifacts/demo/models/m-0/artifacts",
    )
    report = forget(home, ["books/secret"])
    assert sorted(path.name for path in tracked.iterdir()) == ["classes.svg", "summary.json"]
    assert [(row["labels"], row["in"]) for row in report["labels_left"]] == [(["Ada Weniger"], f"{model}/MLmodel")]
    assert [(row["words"], row["in"]) for row in report["tokens_left"]] == [(["secret7"], f"{model}/tokenizer.json")]
    assert all(row["fix"] for row in (*report["labels_left"], *report["tokens_left"]))
    show_forgotten(report)


def test_a_file_that_goes_while_the_home_is_searched_quotes_nothing(home, monkeypatch):
    """A database's journal, for one: it is there for as long as another program writes."""
    listed = what_remains._files
    monkeypatch.setattr(what_remains, "_files", lambda folder: [*listed(folder), folder / "mlflow.db-journal"])
    assert forget(home, ["books/secret"])["still_quoted_in"] == []


def test_feedback_that_quotes_a_forgotten_text_loses_its_texts_and_still_counts(home):
    short = " ".join(SECRET.split()[7:12])
    quoting = [judged(f"Go on: {short}"), judged(correction=SECRET), judged(rating="down", comment=f"it said {SECRET}")]
    for entry in (*quoting, judged("What else?")):
        append(home, entry)
    assert forget(home, ["books/secret"])["feedback_removed"] == [entry.id for entry in quoting]
    assert b"secret" not in home.feedback.read_bytes()
    assert [bool(entry.forgotten) for entry in entries(home)] == [True, True, True, False]


def test_a_label_that_another_document_has_is_no_trace(home):
    assert forget(home, ["books/tested"])["labels_left"] == []


@pytest.mark.parametrize(
    "files",
    [
        {"a.jsonl": jsonl({"id": "renamed", "text": SECRET})},
        {"b.txt": SECRET},
        {"b.txt": SECRET.upper().replace(" ", "\n\n")},
        {"b.md": "*" + SECRET.replace(" ", "* *") + "*"},
        {"b.html": f"<p>{SECRET}</p>"},  # no page with a main text: it goes from the quarantine
        {"b.html": f"<html><body><article><h1></h1><p>{SECRET}</p></article></body></html>"},
        {"b.jsonl": b'{"id": 1, "text": "' + SECRET.encode() + b'", "broken": '},
        {"b.csv": f'id,text\n1,"{SECRET.replace(" ", "  ")}"\n'},
    ],
)
def test_a_forgotten_text_is_left_out_under_any_name_and_in_any_form(home, files):
    forget(home, ["books/secret"])
    assert SECRET.split()[0] not in (home / "forgotten.json").read_text()
    source = home.path.with_name("in")
    (source / "a.jsonl").unlink()
    documents = make_artifacts(home, write(source, {"d.txt": "another text", **files}))[0]
    assert documents.stats.funnel and documents.stats.funnel.dropped == {"forgotten": 1}
    (note,) = (note for note in documents.stats.notes if "left out" in note)
    assert "forgotten as books/secret" in note


def test_what_has_the_same_text_under_another_name_goes_with_it(home):
    source = home.path.with_name("in")
    write(source, {"copy.txt": SECRET})
    make_artifacts(home, source)
    report = forget(home, ["books/secret"])
    assert report["same_text"] == ["books/copy.txt#0"] and report["documents"] == ["books/copy.txt#0", "books/secret"]
    assert report["still_quoted_in"] == [] == files_quoting(home, SECRET)


def test_a_text_that_many_could_have_written_is_known_by_its_name_alone(home):
    source = home.path.with_name("in")
    write(source, {"thanks.txt": "Thank you.", "more.txt": "Thank you!"})
    make_artifacts(home, source)
    report = forget(home, ["books/thanks.txt"])
    assert (report["known_by_name_only"], report["same_text"]) == (["books/thanks.txt"], [])


def test_a_model_that_was_only_tested_on_a_forgotten_document_is_named_as_such(home):
    assert forget(home, ["books/tested"])["versions"] == [{"version": "demo-base/1", "why": HELD}]


def test_a_model_whose_artifacts_were_removed_for_one_document_is_still_named_for_the_next(home):
    forget(home, ["books/tested"])
    assert forget(home, ["books/d1"])["versions"] == [{"version": "demo-base/1", "why": TRAINED}]
    (version,) = versions(home)
    assert json.loads(version.tags["forgotten"]) == ["books/tested", "books/d1"]
    documents = make_artifacts(home, home.path.with_name("in"))[0]
    assert documents.stats.funnel and documents.stats.funnel.dropped == {"forgotten": 2}


def test_an_interrupted_removal_is_finished_by_the_same_command(home, monkeypatch):
    remove, count = commands.home.forget.remove, 0

    def interrupt_at_third(entry):
        nonlocal count
        if (count := count + 1) == 3:
            raise KeyboardInterrupt
        return remove(entry)

    monkeypatch.setattr(commands.home.forget, "remove", interrupt_at_third)
    with pytest.raises(KeyboardInterrupt):
        forget(home, NAMES)
    monkeypatch.undo()
    report = forget(home, NAMES)
    assert report["versions"] == [{"version": "demo-base/1", "why": TRAINED}]
    assert not read_contents(home / "store").artifacts and files_quoting(home, SECRET) == []
    assert forget(home, NAMES)["artifacts_removed"] == {}


def test_an_unknown_document_and_an_active_home_are_refused_and_nothing_is_removed(home):
    before = read_contents(home / "store").artifacts.keys()
    with pytest.raises(UsageError, match="nothing was forgotten") as error:
        forget(home, ["books/secret", "books/secrt"])
    assert "books/secret" in error.value.cure
    with in_use(home / "store"), pytest.raises(UserError, match="a run works"):
        forget(home, ["books/secret"])
    assert read_contents(home / "store").artifacts.keys() == before and files_quoting(home, SECRET)
