"""A walk through a folder: the files that are read, and the notes on all others."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from commands.init import survey as survey_module
from tasks.errors import UserError
from tasks.home import Home
from tasks.ingest import kinds
from tasks.ingest.kinds import ending
from tasks.ingest.listing import list_sources, unsupported_note
from tests.tasks.corpora import config_of, ingest_newest, list_files, write


def test_unread_files_are_counted_by_their_ending(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "in", {"a.txt": "x", "b.doc": "12345", "c.DOC": "1", "d": "", "e.xml": "{}", "f.txt.xz": "12"}
    )
    (listing,) = list_sources(config_of(folder), Home(tmp_path)).values()
    assert listing.unsupported == {
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
    result = ingest_newest(config_of(folder, as_text=[".py", ".sql"]), tmp_path)
    assert sorted(row["text"] for row in result.documents) == ["select 1", "x = 1\n", "y = 2\n"]
    unsupported = json.loads((result.folder / "unread.json").read_text())["books"]
    assert unsupported[".xml"]["files"] == 1


def test_include_and_exclude_choose_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a/x.txt": "x", "a/y.txt": "y", "b/x.txt": "z", "note.pdf": ""})
    config = config_of(folder, include=["a/*"], exclude=["*/y.txt"])
    assert list(list_files(config, tmp_path)) == ["a/x.txt"]
    assert list_sources(config, Home(tmp_path))["books"].unsupported == {}


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "x", "b.txt": "y"})
    assert list(list_files(config_of(folder / "b.txt"), tmp_path)) == ["b.txt"]
    (folder / "linked.md").symlink_to("b.txt")
    result = ingest_newest(config_of(folder / "linked.md"), tmp_path)
    assert (result.ids, result.documents[0]["text"]) == (["books/linked.md#0"], "y")


@pytest.mark.parametrize(
    ("name", "fix"), [("book.epub", "convert them to .txt"), ("notes.log", r'as_text = \["\.log"\]')]
)
def test_a_single_file_of_an_unsupported_kind_is_an_error_with_a_fix(tmp_path: Path, name: str, fix: str) -> None:
    folder = write(tmp_path / "in", {name: "x"})
    with pytest.raises(UserError, match=rf"{name} holds no file that can be read.*\n.*{fix}"):
        list_sources(config_of(folder / name), Home(tmp_path))


def test_names_without_an_ending_are_read_as_text_where_the_source_says_so(tmp_path: Path) -> None:
    mail = "cur/1700000000.M2P3.host:2,S"  # as Maildir names it
    files = {"README": "r", "maildir/1.": "m", mail: "s", "49960": b"bad \0", "a.dat": "d"}
    result = ingest_newest(config_of(write(tmp_path / "in", files), as_text=["(none)"]), tmp_path)
    assert result.ids == ["books/README#0", f"books/{mail}#0", "books/maildir/1.#0"]
    assert result.reasons == [("49960", 0, "NUL byte")]
    assert json.loads((result.folder / "unread.json").read_text())["books"].keys() == {".dat"}


@pytest.mark.parametrize(
    ("end", "fix"),
    [
        *((end, kinds.AS_TEXT) for end in (".srt", ".vtt", ".tex", ".log", ".py", ".log.gz", "(none)")),
        *((end, kinds.UNPACK) for end in (".txt.xz", ".pdf.gz", ".tar.gz", ".gz", ".png.zst")),
        (".mht", "save them as .html"),
        (".html", kinds.EXTRA),
        *((end, "hold no text") for end in (".exe", ".ttf", ".safetensors", ".pyc", ".psd", ".wmv")),
        *((end, "save them as .csv") for end in (".sqlite", ".xlsm", ".feather", ".sav")),
        (".gpg", "decrypt"),
        (".lnk", "point to other files"),
        ("(name is not UTF-8)", "rename them"),
        ("(hidden)", "rename"),
        ("(no plain file)", "pipes"),
        ("(may not be read)", "permissions"),
    ],
)
def test_each_kind_of_unread_file_has_its_own_fix(end: str, fix: str) -> None:
    assert fix in unsupported_note("books", {end: {"files": 1, "bytes": 1}})


def test_an_unreadable_folder_is_counted_and_its_neighbours_are_read(tmp_path: Path, monkeypatch) -> None:
    folder = write(tmp_path / "in", {"a.txt": "x", "lost+found/b.txt": "y", "z/c.txt": "z"})
    scandir = os.scandir

    def refuse_one_folder(path: Path):  # permissions do not bind whoever runs the tests as root
        if Path(path).name == "lost+found":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse_one_folder)
    (listing,) = list_sources(config_of(folder), Home(tmp_path)).values()
    assert [file.name for file in listing.files] == ["a.txt", "z/c.txt"]
    assert listing.unsupported == {"(may not be read)": {"files": 1, "bytes": 0}}
    (listing,) = list_sources(config_of(folder, exclude=["lost+found/*"]), Home(tmp_path)).values()
    assert listing.unsupported == {}


def test_links_are_reported_and_not_followed(tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere", {"secret.txt": "s"})
    folder = write(tmp_path / "in", {"a.txt": "x"})
    (folder / "loop").symlink_to(folder)
    (folder / "out.txt").symlink_to(secret / "secret.txt")
    (folder / "away").symlink_to(secret)
    (listing,) = list_sources(config_of(folder), Home(tmp_path)).values()
    assert [file.name for file in listing.files] == ["a.txt"]
    assert "3 links not followed" in listing.notes[0]


def test_a_folder_of_links_alone_is_an_error_that_says_how_to_read_them(tmp_path: Path) -> None:
    blobs = write(tmp_path / "blobs", {"0a1b": "x"})
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "train.jsonl").symlink_to(blobs / "0a1b")
    with pytest.raises(UserError, match=r"there are: 1 link\)\n.*cp -rL"):
        list_sources(config_of(tmp_path / "snapshot"), Home(tmp_path))


def test_the_home_of_runs_inside_the_folder_is_not_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.txt": "x", "runs/store/old.txt": "an artifact"})
    (listing,) = list_sources(config_of(folder), Home(folder / "runs")).values()
    assert [file.name for file in listing.files] == ["a.txt"]
    assert "runs are written there" in listing.notes[0]


def test_unusual_file_names_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"new\nline.txt": "a", "🙂.txt": "b", "..hidden.txt": "c", "..%2f..txt": "d"})
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("e")
    os.mkfifo(folder / "pipe.txt")
    (listing,) = list_sources(config_of(folder), Home(tmp_path)).values()
    assert [file.name for file in listing.files] == ["new\nline.txt", "🙂.txt"]
    assert {end: count["files"] for end, count in listing.unsupported.items()} == {
        "(hidden)": 2,
        "(no plain file)": 1,
        "(name is not UTF-8)": 1,
    }


@pytest.mark.parametrize("files", [{}, {"a.png": "x"}])
def test_a_folder_without_text_is_an_error_with_a_fix(tmp_path: Path, files: dict[str, str]) -> None:
    folder = write(tmp_path / "in", files)
    folder.mkdir(exist_ok=True)
    with pytest.raises(UserError, match=r"holds no file that can be read.*\n.*fix: .*jsonl"):
        list_sources(config_of(folder), Home(tmp_path))


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
def test_the_ending_of_a_compressed_file_includes_what_is_packed(name: str, expected: str) -> None:
    assert ending(name) == expected


def test_20_000_tiny_files_are_surveyed_by_a_sample_and_all_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(survey_module, "SAMPLE_SECONDS", 0.5)
    sentence = "the ferry was late, and nobody on the pier minded the rain"
    folder = write(tmp_path / "in", {f"{i // 100:03d}/{i:05d}.txt": f"Note {i}: {sentence}." for i in range(20_000)})
    surveyed = survey_module.survey(folder, Home(tmp_path))
    assert (surveyed.kinds[".txt"].files, len(surveyed.texts) < 20_000) == (20_000, True)
    assert surveyed.documents == pytest.approx(20_000, rel=0.02)
    result = ingest_newest(config_of(folder), tmp_path)
    assert len(result.ids) == len(set(result.ids)) == 20_000 and not result.quarantine
