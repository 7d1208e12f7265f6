"""A corpus that grows: files are added, changed, removed and taken down, and the artifacts of the others stay."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from commands.ask.sql import answer
from flows.record import RunRecord
from flows.session import Request, open_session, perform
from tasks.home import Home

pytestmark = pytest.mark.usefixtures("without_mlflow")
WORDS = [a + b for a in ("ba", "ke", "lo", "mi", "nu", "ra", "se", "ti") for b in ("dan", "fel", "gor", "him", "jun")]


def text(seed: int, words: int = 120) -> str:
    draw = random.Random(seed)
    return ". ".join(" ".join(draw.choices(WORDS, k=12)).capitalize() for _ in range(words // 12)) + "."


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for n in range(60):
        (folder / f"{n:03}.txt").write_text(text(n))
    return folder


def run(corpus: Path, *changes: str) -> RunRecord:
    given = (f"ingest.path={corpus}", "curate.filters=[]", *changes)
    record = perform(open_session(Request(Home(corpus.parent / "home"), "smoke", given, until="encode")))
    assert record.state == "complete", record.error
    return record


def states(record: RunRecord) -> dict[str, str]:
    """{ingest@0001: cached, …}"""
    return {part["step"]: part["state"] for step in record.steps for part in step.parts}


def query(corpus: Path, question: str) -> list[dict]:
    return answer(Home(corpus.parent / "home"), "", question, (), "")


def table(record: RunRecord, label: str, name: str) -> dict[str, dict]:
    step = next(step for step in record.steps if step.step == label)
    rows = [row for part in step.parts for row in pq.read_table(Path(part["path"]) / name).to_pylist()]
    return {row["doc_id"]: row for row in rows}


def test_added_files_hit_every_old_part_and_move_no_split_or_id(corpus):
    before = run(corpus)
    for n in range(60, 80):
        (corpus / f"{n:03}.txt").write_text(text(n))
    after = run(corpus)
    by_part = states(after)
    assert {by_part[f"{label}@0001"] for label in ("ingest", "signals", "curate", "encode")} == {"cached"}
    assert {by_part[f"{label}@0002"] for label in ("ingest", "signals", "curate", "encode")} == {"complete"}
    assert next(step for step in after.steps if step.step == "tokenizer").state == "cached"
    old, new = table(before, "curate", "decisions.parquet"), table(after, "curate", "decisions.parquet")
    assert len(new) == len(old) + 20
    assert {doc_id: new[doc_id] for doc_id in old} == old


def test_a_near_copy_of_an_old_document_is_detected_in_a_new_partition(corpus):
    run(corpus)
    words = text(7).split()
    words[40] = "changed"
    (corpus / "near.txt").write_text(" ".join(words))
    (corpus / "exact.txt").write_text(text(8))
    decisions = table(run(corpus), "curate", "decisions.parquet")
    near, exact = decisions["folder/near.txt#0"], decisions["folder/exact.txt#0"]
    assert (near["reason"], near["kept_id"]) == ("near_duplicate", "folder/007.txt#0") and near["similarity"] >= 0.7
    assert (exact["reason"], exact["kept_id"]) == ("exact_duplicate", "folder/008.txt#0")


def test_a_changed_file_supersedes_its_old_version_which_is_trained_on_no_more(corpus):
    (corpus / "dropped.txt").write_text(text(5))
    run(corpus)
    (corpus / "005.txt").write_text(text(5) + " And a new sentence stands here now.")
    (corpus / "dropped.txt").write_text(text(999))
    run(corpus)
    rows = {
        row["doc_id"]: row
        for row in query(
            corpus, "select doc_id, state, partition from documents where uri in ('005.txt', 'dropped.txt')"
        )
    }
    assert rows.pop("folder/dropped.txt#0")["state"] == "superseded"  # though a filter had dropped it before
    assert rows.pop("folder/dropped.txt#0~2")["state"] == "live"
    assert rows["folder/005.txt#0"]["state"] == "superseded"
    assert rows["folder/005.txt#0~2"] == {"doc_id": "folder/005.txt#0~2", "state": "live", "partition": "0002"}
    assert [r["doc_id"] for r in query(corpus, "select doc_id from shards where doc_id like 'folder/005%'")] == [
        "folder/005.txt#0~2"
    ]


def test_a_takedown_touches_the_partition_that_holds_the_document_and_no_other(corpus):
    for n in range(60, 70):
        (corpus / f"{n:03}.txt").write_text(text(n))
    run(corpus)
    for n in range(70, 80):
        (corpus / f"{n:03}.txt").write_text(text(n))
    run(corpus)
    listed = corpus.parent / "takedown.txt"
    listed.write_text("# at its author's request\nfolder/075.txt\n")
    by_part = states(run(corpus, f"curate.takedown={listed}"))
    assert by_part.pop("encode@0002") == "complete"
    assert set(by_part.values()) == {"cached"}
    assert not query(corpus, "select doc_id from shards where doc_id = 'folder/075.txt#0'")
    assert query(corpus, "select state from documents where doc_id = 'folder/075.txt#0'") == [{"state": "takedown"}]


def test_another_folder_in_the_same_home_is_another_corpus_and_back_again_is_all_hits(corpus, tmp_path):
    run(corpus)
    other = tmp_path / "other"
    other.mkdir()
    for n in range(100, 150):
        (other / f"{n}.txt").write_text(text(n))
    run(other)
    assert {row["uri"] for row in query(other, "select uri from documents")} == {f"{n}.txt" for n in range(100, 150)}
    assert set(states(run(corpus)).values()) == {"cached"}


def test_moving_the_input_folder_and_other_worker_counts_change_no_key(corpus):
    before = run(corpus)
    moved = corpus.rename(corpus.with_name("moved to a place with spaces"))
    after = run(moved, "ingest.workers=1", "curate.workers=1", "encode.workers=1")
    assert [step.key for step in after.steps] == [step.key for step in before.steps]
    assert {step.state for step in after.steps} == {"cached"}


def test_one_changed_byte_of_a_source_changes_the_keys_of_what_reads_it(corpus):
    before = run(corpus)
    (corpus.parent / "home" / "corpora").rename(corpus.parent / "forgotten")
    path = corpus / "000.txt"
    path.write_bytes(path.read_bytes().replace(b"B", b"b", 1) + b" ")
    after = run(corpus)
    assert {step.step for step in after.steps if step.state == "cached"} <= {"tokenizer"}
    assert before.steps[0].key != after.steps[0].key
