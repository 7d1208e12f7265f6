"""A forgotten document is in no table of ingest, and only the partitions of its file get another key."""

from pathlib import Path

from tasks.home import Home
from tasks.ingest.forgotten import Forgotten, remember
from tasks.ingest.ledger import record_arrivals
from tasks.ingest.sources import IngestConfig
from tests.tasks.corpora import config_of, ingest_newest, jsonl, write

SECRET = "the secret of this one document " * 3


def forget(home: Path, name: str, uri: str) -> None:
    remember(Home(home), [Forgotten(name=name, time="now", places={"books": (uri,)})])


def keys(config: IngestConfig, home: Path) -> list[str]:
    return [
        config.part(part).sources["books"].content
        for part in record_arrivals("test", config, Home(home)).parts.values()
    ]


def test_a_forgotten_document_is_left_out_counted_and_never_planted(tmp_path: Path) -> None:
    records = [{"id": f"d{i}", "text": f"text number {i} " * 30} for i in range(8)] + [{"id": "secret", "text": SECRET}]
    write(tmp_path / "in", {"a.jsonl": jsonl(*records)})
    config = config_of(tmp_path / "in")
    planted = {"kind": "planted", "of": "books", "share": 0.5}
    config = IngestConfig.model_validate(config.model_dump() | {"sources": {**config.sources, "planted": planted}})
    forget(tmp_path, "books/secret", "a.jsonl")
    result = ingest_newest(config, tmp_path)
    assert "books/secret" not in result.ids and "books/d3" in result.ids
    assert not any(SECRET[:30] in row["text"] for row in result.documents)
    assert result.stats.funnel and result.stats.funnel.dropped["forgotten"] == 1
    assert result.stats.metrics["documents"] == len(result.documents)


def test_forgetting_a_file_removes_all_its_documents_and_bad_records(tmp_path: Path) -> None:
    write(tmp_path / "in", {"a.jsonl": jsonl({"text": SECRET}, b"{" + SECRET.encode()), "b.txt": "another text"})
    forget(tmp_path, "books/a.jsonl", "a.jsonl")
    result = ingest_newest(config_of(tmp_path / "in"), tmp_path)
    assert (result.ids, result.quarantine) == (["books/b.txt#0"], [])
    assert result.stats.funnel and result.stats.funnel.dropped == {"forgotten": 2}


def test_forgetting_changes_only_the_keys_of_the_files_partitions(tmp_path: Path) -> None:
    config = config_of(write(tmp_path / "in", {"a.txt": "one text"}))
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"b.txt": "another text"})
    before = keys(config, tmp_path)
    forget(tmp_path, "books/b.txt#0", "b.txt")
    after = keys(config, tmp_path)
    assert after[0] == before[0] and after[1] != before[1]


def test_a_new_version_of_the_file_does_not_bring_a_forgotten_document_back(tmp_path: Path) -> None:
    records = [{"id": "secret", "text": SECRET}, {"id": "other", "text": "another text"}]
    config = config_of(write(tmp_path / "in", {"a.jsonl": jsonl(*records)}))
    record_arrivals("test", config, Home(tmp_path))
    write(tmp_path / "in", {"a.jsonl": jsonl(*records, {"id": "third", "text": "a third text"})})
    forget(tmp_path, "books/secret", "a.jsonl")
    assert ingest_newest(config, tmp_path).ids == ["books/other", "books/third"]
