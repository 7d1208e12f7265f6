"""A corpus grows by partitions, and what was made of an old one stays."""

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
from tests.tasks.corpora import config_of, ingested, made, write


def files(found: Corpus, source: str = "books") -> dict[str, list[str]]:
    return {p: [file.name for file in part.files.get(source, ())] for p, part in found.parts.items()}


def keys(config: IngestConfig, found: Corpus) -> dict[str, str]:
    """The keys of all ingest parts, each made with the parts before it."""
    known = dict[str, str]()
    for partition, part in found.parts.items():
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


def test_a_file_changed_back_is_what_it_was(tmp_path: Path, config: IngestConfig) -> None:
    first = record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"a.txt": "another one"})
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"a.txt": "one"})
    assert record_arrivals("test", config, Home(tmp_path)) == first


def test_a_removed_file_is_withdrawn_and_its_partition_stands(tmp_path: Path, config: IngestConfig) -> None:
    first = record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").unlink()
    second = record_arrivals("test", config, Home(tmp_path))
    assert second.withdrawn_from("0001") == {"books": {"a.txt": "removed"}}
    assert keys(config, second) == keys(config, first)


def test_a_renamed_file_is_new_under_its_new_name(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").rename(tmp_path / "in/c.txt")
    found = record_arrivals("test", config, Home(tmp_path))
    assert files(found)["0002"] == ["c.txt"]
    assert found.withdrawn_from("0001") == {"books": {"a.txt": "removed"}}


def test_another_folder_gives_that_folder_alone_and_back_again_hits(tmp_path: Path) -> None:
    here = IngestConfig(path=write(tmp_path / "here", {"a.txt": "one"}))
    there = IngestConfig(path=write(tmp_path / "there", {"b.txt": "two"}))
    first = record_arrivals("test", here, Home(tmp_path))
    assert files(record_arrivals("test", there, Home(tmp_path)), "folder") == {"0002": ["b.txt"]}
    again = record_arrivals("test", here, Home(tmp_path))
    assert files(again, "folder") == {"0001": ["a.txt"]}
    assert keys(here, again) == keys(here, first)


def test_another_folder_with_the_same_names_gives_that_folder_alone(tmp_path: Path) -> None:
    here = IngestConfig(path=write(tmp_path / "here", {"data.txt": "one"}))
    there = IngestConfig(path=write(tmp_path / "there", {"data.txt": "two"}))
    first = record_arrivals("test", here, Home(tmp_path))
    assert list(record_arrivals("test", there, Home(tmp_path)).parts) == ["0002"]
    assert record_arrivals("test", here, Home(tmp_path)) == first


def test_a_partition_with_nothing_left_stands_while_a_later_one_was_formed_in_its_presence(
    tmp_path: Path, config: IngestConfig
) -> None:
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


def test_corpora_of_other_names_do_not_meet(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"c.txt": "three"})
    record_arrivals("test", config, Home(tmp_path))
    assert list(record_arrivals("test.two", config, Home(tmp_path)).parts) == ["0001"]
    assert list(record_arrivals("test", config, Home(tmp_path)).parts) == ["0001", "0002"]


def test_planted_dirt_belongs_to_the_first_partition_of_its_source(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"c.txt": "three"})
    sources = {**config.sources, "dirt": {"kind": "planted", "of": "books"}}
    found = record_arrivals("test", IngestConfig.model_validate({"sources": sources}), Home(tmp_path))
    assert {p: part.planted for p, part in found.parts.items()} == {"0001": ("dirt",), "0002": ()}


def test_explaining_computes_the_same_and_writes_nothing(tmp_path: Path, config: IngestConfig) -> None:
    fresh = read_corpus("test", config, Home(tmp_path / "home"))
    assert not (tmp_path / "home").exists()
    assert fresh == record_arrivals("test", config, Home(tmp_path / "home"))
    write(tmp_path / "in", {"c.txt": "three"})
    before = {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    ahead = read_corpus("test", config, Home(tmp_path / "home"))
    assert before == {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert ahead == record_arrivals("test", config, Home(tmp_path / "home"))


def test_a_file_that_went_before_its_partition_was_made_leaves_it(tmp_path: Path, config: IngestConfig) -> None:
    """The first run stopped at a bad file, which was then removed: nothing was made, nothing is withdrawn."""
    record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").unlink()
    asked = []

    def is_made(parts: Mapping[str, Partition]) -> bool:
        asked.append(list(parts))
        return False

    found = record_arrivals("test", config, Home(tmp_path), is_made)
    assert asked == [["0001"]]
    assert files(found) == {"0001": ["b.txt"]}
    assert found.withdrawn_from("0001") == {}
    write(tmp_path / "in", {"a.txt": "one"})
    assert files(record_arrivals("test", config, Home(tmp_path), is_made)) == {"0001": ["b.txt"], "0002": ["a.txt"]}


def test_a_partition_that_was_made_keeps_what_is_gone(tmp_path: Path, config: IngestConfig) -> None:
    first = record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").unlink()
    assert keys(config, record_arrivals("test", config, Home(tmp_path), lambda _: True)) == keys(config, first)


def test_a_missing_file_that_must_be_read_is_an_error_with_a_cure(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "in/a.txt").unlink()
    with pytest.raises(UserError, match=r"in/a\.txt: gone.*\n.*fix: put it back"):
        ingested(config, tmp_path)


def test_repeated_ids_are_numbered_across_partitions(tmp_path: Path, config: IngestConfig) -> None:
    ingested(config, tmp_path)
    write(tmp_path / "in", {"a.txt": "another one", "c.txt": "three"})
    second = ingested(config, tmp_path)
    rows = [(row["doc_id"], row["origin"]) for row in second.documents]
    assert rows == [("books/a.txt#0~2", "books/a.txt"), ("books/c.txt#0", "books/c.txt")]
    write(tmp_path / "in", {"a.txt": "a third one"})
    assert ingested(config, tmp_path).ids == ["books/a.txt#0~3"]


def test_an_id_does_not_depend_on_its_partition(tmp_path: Path, config: IngestConfig) -> None:
    ingested(config, tmp_path)
    write(tmp_path / "in", {"c.txt": "three"})
    grown = ingested(config, tmp_path)
    known = record_arrivals("fresh", config, Home(tmp_path))
    at_once = made(config, known, "0001", {}, tmp_path / "at once")
    assert at_once.ids == ["books/a.txt#0", "books/b.txt#0", *grown.ids]


def race(folder: Path, home: Path, queue: "multiprocessing.Queue[list[list[str]]]") -> None:
    found = record_arrivals("test", config_of(folder), Home(home))
    queue.put([[file.name for file in part.files["books"]] for part in found.parts.values()])


def test_two_processes_that_race_agree_on_the_partitions(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {f"{i}.txt": str(i) for i in range(50)})
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.Queue()
    racers = [spawn.Process(target=race, args=(folder, tmp_path, queue)) for _ in range(2)]
    for racer in racers:
        racer.start()
    found = [queue.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    assert found[0] == found[1] and len(found[0]) == 1
    (ledger,) = (tmp_path / "corpora").glob("*.json")
    assert list(json.loads(ledger.read_text())["partitions"]) == ["0001"]


def test_a_damaged_ledger_is_said_and_not_begun_anew(tmp_path: Path, config: IngestConfig) -> None:
    record_arrivals("test", config, Home(tmp_path))
    (tmp_path / "corpora/test.books.json").write_text('{"partitions": ')
    with pytest.raises(UserError, match=r"test\.books\.json: not a ledger .*\n.*corpora/test.\.\*\.json"):
        record_arrivals("test", config, Home(tmp_path))
