"""A corpus grows by partitions, and the artifacts of an old one stay."""

import json
import multiprocessing
from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest.ledger import Corpus, read_corpus, record_arrivals
from tasks.ingest.sources import Partition
from tasks.ingest.steps import INGEST, IngestConfig
from tasks.store.step import fingerprint
from tests.tasks.corpora import config_of, ingest_newest, ingest_partition, write


def files(corpus: Corpus, source: str = "books") -> dict[str, list[str]]:
    return {p: [file.name for file in part.files.get(source, ())] for p, part in corpus.parts.items()}


def keys(config: IngestConfig, corpus: Corpus) -> dict[str, str]:
    """The keys of all ingest parts, each made with the parts before it."""
    known = dict[str, str]()
    for partition, part in corpus.parts.items():
        known[partition] = fingerprint(INGEST, config.part(part), {"earlier": dict(known)})
    return known


@pytest.fixture
def config(tmp_path: Path) -> IngestConfig:
    return config_of(write(tmp_path / "in", {"a.txt": "one", "b.txt": "two"}))


def test_new_files_form_the_next_partition_and_every_old_key_stays(tmp_path: Path, config: IngestConfig) -> None:
    first = record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"0.txt": "before all others", "z/c.txt": "three"})
    second = record_arrivals("test", config, Home(tmp_path))
    assert files(second) == {"0001": ["a.txt", "b.txt"], "0002": ["0.txt", "z/c.txt"]}
    assert keys(config, second)["0001"] == keys(config, first)["0001"]
    assert record_arrivals("test", config, Home(tmp_path)) == second


def test_a_changed_file_supersedes_its_old_version(tmp_path: Path, config: IngestConfig) -> None:
    first = record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"a.txt": "another one"})
    second = record_arrivals("test", config, Home(tmp_path))
    assert files(second) == {"0001": ["a.txt", "b.txt"], "0002": ["a.txt"]}
    assert second.withdrawn_from("0001") == {"books": {"a.txt": "superseded"}}
    assert second.withdrawn_before("0002") == {"0001": {"books": {"a.txt": "superseded"}}}
    assert second.withdrawn_before("0001") == {}
    assert keys(config, second)["0001"] == keys(config, first)["0001"]


def test_a_file_changed_back_has_its_first_key_again(tmp_path: Path, config: IngestConfig) -> None:
    first = record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"a.txt": "another one"})
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"a.txt": "one"})
    assert record_arrivals("test", config, Home(tmp_path)) == first


def test_a_removed_file_is_withdrawn_and_its_partition_stays(tmp_path: Path, config: IngestConfig) -> None:
    first = record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").unlink()
    second = record_arrivals("test", config, Home(tmp_path))
    assert second.withdrawn_from("0001") == {"books": {"a.txt": "removed"}}
    assert keys(config, second) == keys(config, first)


def test_a_renamed_file_is_new_under_its_new_name(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").rename(tmp_path / "in/c.txt")
    corpus = record_arrivals("test", config, Home(tmp_path))
    assert files(corpus)["0002"] == ["c.txt"]
    assert corpus.withdrawn_from("0001") == {"books": {"a.txt": "removed"}}


def test_another_folder_is_read_alone_and_the_first_one_hits_again(tmp_path: Path) -> None:
    here = IngestConfig(path=write(tmp_path / "here", {"a.txt": "one"}))
    there = IngestConfig(path=write(tmp_path / "there", {"b.txt": "two"}))
    first = record_arrivals("test", here, Home(tmp_path))
    assert files(record_arrivals("test", there, Home(tmp_path)), "folder") == {"0002": ["b.txt"]}
    again = record_arrivals("test", here, Home(tmp_path))
    assert files(again, "folder") == {"0001": ["a.txt"]}
    assert keys(here, again) == keys(here, first)


def test_another_folder_with_the_same_names_is_read_alone(tmp_path: Path) -> None:
    here = IngestConfig(path=write(tmp_path / "here", {"data.txt": "one"}))
    there = IngestConfig(path=write(tmp_path / "there", {"data.txt": "two"}))
    first = record_arrivals("test", here, Home(tmp_path))
    assert list(record_arrivals("test", there, Home(tmp_path)).parts) == ["0002"]
    assert record_arrivals("test", here, Home(tmp_path)) == first


def test_an_empty_partition_stays_while_a_later_one_builds_on_it(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"c.txt": "three"})
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"d.txt": "four"})
    before = record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"c.txt": "another three"})
    after = record_arrivals("test", config, Home(tmp_path))
    assert list(after.parts) == ["0001", "0002", "0003", "0004"]
    assert after.withdrawn_from("0002") == {"books": {"c.txt": "superseded"}}
    old = keys(config, after)
    assert {p: old[p] for p in before.parts} == keys(config, before)
    write(tmp_path / "in", {"c.txt": "yet another three"})
    assert list(record_arrivals("test", config, Home(tmp_path)).parts) == ["0001", "0002", "0003", "0005"]


def test_partitions_have_one_number_for_all_sources(tmp_path: Path) -> None:
    def config(*names: str) -> IngestConfig:
        return IngestConfig.model_validate({"sources": {n: {"kind": "folder", "path": tmp_path / n} for n in names}})

    write(tmp_path, {"a/1.txt": "a1", "b/1.txt": "b1"})
    first = record_arrivals("test", config("a"), Home(tmp_path))
    both = record_arrivals("test", config("a", "b"), Home(tmp_path))
    assert {p: dict(part.files).keys() for p, part in both.parts.items()} == {"0001": {"a"}, "0002": {"b"}}
    assert keys(config("a", "b"), both)["0001"] == keys(config("a"), first)["0001"]
    write(tmp_path, {"a/2.txt": "a2", "b/2.txt": "b2"})
    assert record_arrivals("test", config("a", "b"), Home(tmp_path)).parts["0003"].files.keys() == {"a", "b"}
    assert list(record_arrivals("test", config("b"), Home(tmp_path)).parts) == ["0002", "0003"]


def test_corpora_of_different_names_share_nothing(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"c.txt": "three"})
    record_arrivals("test", config, Home(tmp_path))
    assert list(record_arrivals("test.two", config, Home(tmp_path)).parts) == ["0001"]
    assert list(record_arrivals("test", config, Home(tmp_path)).parts) == ["0001", "0002"]


def test_planted_dirt_belongs_to_the_first_partition_of_its_source(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"c.txt": "three"})
    sources = {**config.sources, "dirt": {"kind": "planted", "of": "books"}}
    corpus = record_arrivals("test", IngestConfig.model_validate({"sources": sources}), Home(tmp_path))
    assert {p: part.planted for p, part in corpus.parts.items()} == {"0001": ("dirt",), "0002": ()}


def test_explain_computes_the_same_and_writes_nothing(tmp_path: Path, config: IngestConfig) -> None:
    fresh = read_corpus("test", config, Home(tmp_path / "home"))
    assert not (tmp_path / "home").exists()
    assert fresh == record_arrivals("test", config, Home(tmp_path / "home"))
    write(tmp_path / "in", {"c.txt": "three"})
    before = {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    ahead = read_corpus("test", config, Home(tmp_path / "home"))
    assert before == {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert ahead == record_arrivals("test", config, Home(tmp_path / "home"))


def test_a_file_removed_before_its_partition_was_made_leaves_it(tmp_path: Path, config: IngestConfig) -> None:
    """The first run stopped at a bad file, which was then removed: nothing was made, nothing is withdrawn."""
    record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").unlink()
    checked = []

    def is_made(parts: Mapping[str, Partition]) -> bool:
        checked.append(list(parts))
        return False

    corpus = record_arrivals("test", config, Home(tmp_path), is_made)
    assert checked == [["0001"]]
    assert files(corpus) == {"0001": ["b.txt"]}
    assert corpus.withdrawn_from("0001") == {}
    write(tmp_path / "in", {"a.txt": "one"})
    assert files(record_arrivals("test", config, Home(tmp_path), is_made)) == {"0001": ["b.txt"], "0002": ["a.txt"]}


def test_a_partition_that_was_made_keeps_removed_files(tmp_path: Path, config: IngestConfig) -> None:
    first = record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").unlink()
    assert keys(config, record_arrivals("test", config, Home(tmp_path), lambda _: True)) == keys(config, first)


def test_a_missing_file_that_must_be_read_is_an_error_with_a_fix(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").unlink()
    with pytest.raises(UserError, match=r"in/a\.txt: gone.*\n.*fix: put it back"):
        ingest_newest(config, tmp_path)


def test_repeated_ids_are_numbered_across_partitions(tmp_path: Path, config: IngestConfig) -> None:
    ingest_newest(config, tmp_path)
    write(tmp_path / "in", {"a.txt": "another one", "c.txt": "three"})
    second = ingest_newest(config, tmp_path)
    rows = [(row["doc_id"], row["origin"]) for row in second.documents]
    assert rows == [("books/a.txt#0~2", "books/a.txt"), ("books/c.txt#0", "books/c.txt")]
    write(tmp_path / "in", {"a.txt": "a third one"})
    assert ingest_newest(config, tmp_path).ids == ["books/a.txt#0~3"]


def test_an_id_does_not_depend_on_its_partition(tmp_path: Path, config: IngestConfig) -> None:
    ingest_newest(config, tmp_path)
    write(tmp_path / "in", {"c.txt": "three"})
    grown = ingest_newest(config, tmp_path)
    known = record_arrivals("fresh", config, Home(tmp_path))
    at_once = ingest_partition(config, known, "0001", {}, tmp_path / "at once")
    assert at_once.ids == ["books/a.txt#0", "books/b.txt#0", *grown.ids]


def race(folder: Path, home: Path, queue: "multiprocessing.Queue[list[list[str]]]") -> None:
    corpus = record_arrivals("test", config_of(folder), Home(home))
    queue.put([[file.name for file in part.files["books"]] for part in corpus.parts.values()])


def test_two_processes_that_race_agree_on_the_partitions(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {f"{i}.txt": str(i) for i in range(50)})
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.Queue()
    racers = [spawn.Process(target=race, args=(folder, tmp_path, queue)) for _ in range(2)]
    for racer in racers:
        racer.start()
    partitions = [queue.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    assert partitions[0] == partitions[1] and len(partitions[0]) == 1
    (ledger,) = (tmp_path / "corpora").glob("*.json")
    assert list(json.loads(ledger.read_text())["partitions"]) == ["0001"]


def test_a_damaged_ledger_is_an_error_and_is_not_replaced(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "corpora/test.books.json").write_text('{"partitions": ')
    with pytest.raises(UserError, match=r"test\.books\.json: not a ledger .*\n.*corpora/test.\.\*\.json"):
        record_arrivals("test", config, Home(tmp_path))
