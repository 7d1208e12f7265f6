"""Archives: which members are read, which are quarantined or skipped, and what they may not do."""

import io
import stat
import warnings
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.ingest.lines import FREE_EXPANSION
from tests.tasks.corpora import config_of, ingest_newest, jsonl, write
from tests.tasks.languages import GERMAN, PAGE

TEXT = "\n".join(GERMAN)


def zip_of(members: dict[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def test_members_of_archives_are_read_as_the_files_they_are(tmp_path: Path) -> None:
    inner = zip_of({"deep/c.jsonl": jsonl({"text": "three"}, {"no": "text"}, {"text": "four", "id": "x"})})
    outer = zip_of(
        {"a.txt": "one", "b/ü 🙂.md": "two", "in.zip": inner, "p.png": b"123", "__MACOSX/._a.txt": b"x", "w.html": PAGE}
    )
    result = ingest_newest(config_of(write(tmp_path / "in", {"z.zip": outer, "d.txt": "five"})), tmp_path)
    texts = result.texts
    del texts["z.zip!/w.html#0"]
    assert texts == {
        "d.txt#0": "five",
        "z.zip!/a.txt#0": "one",
        "z.zip!/b/ü 🙂.md#0": "two",
        "z.zip!/in.zip!/deep/c.jsonl#0": "three",
        "x": "four",
    }
    assert result.documents[1]["uri"] == "z.zip!/a.txt"
    assert [(uri, position) for uri, position, _ in result.reasons] == [("z.zip!/in.zip!/deep/c.jsonl", 1)]
    assert any(
        "in archives: files not read: 1 (hidden) (left alone: rename what should be read), 1 .png" in note
        for note in result.stats.notes
    )


def test_members_of_one_name_are_all_read_each_by_its_entry(tmp_path: Path) -> None:
    sink = io.BytesIO()
    table = pa.table({"text": ["three"]})
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    with zipfile.ZipFile(sink, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a.txt", "one")
        archive.writestr("a.txt", "two")
        archive.writestr("./t.parquet", parquet.getvalue())
        archive.writestr("b//c.txt", "four")
    result = ingest_newest(config_of(write(tmp_path / "in", {"z.zip": sink.getvalue()})), tmp_path)
    assert sorted(row["text"] for row in result.documents) == ["four", "one", "three", "two"]
    assert {"books/z.zip!/a.txt#0", "books/z.zip!/a.txt#0~2"} <= set(result.ids) and not result.quarantine
    assert any("1 repeated ids" in note for note in result.stats.notes)


def encrypted_zip() -> bytes:
    whole = bytearray(zip_of({"a.txt": "secret"}))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(signature) + at] |= 1
    return bytes(whole)


def zip_with_link() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        info = zipfile.ZipInfo("link.txt")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return sink.getvalue()


def nested_zip(depth: int) -> bytes:
    return zip_of({"a.txt": "at the bottom"}) if depth == 1 else zip_of({"in.zip": nested_zip(depth - 1)})


BAD_ARCHIVES = {
    "bomb": (lambda: zip_of({"a.txt": b" " * (FREE_EXPANSION + 1)}), "it unpacks to more than 200 times"),
    "traversal": (lambda: zip_of({"../../a.txt": "out"}), "a name that leads out of the archive"),
    "absolute": (lambda: zip_of({"/etc/a.txt": "out"}), "a name that leads out of the archive"),
    "encrypted": (encrypted_zip, "encrypted"),
    "a link": (zip_with_link, "a link, which is not followed"),
    "no archive": (lambda: b"no archive", "unreadable archive"),
    "cut": (lambda: zip_of({"a.txt": TEXT})[:-30], "unreadable archive"),
    "too deep": (lambda: nested_zip(4), "archives within archives, more than 3 deep"),
    "flipped": (
        lambda: zip_of({"a.txt": b"x" * 900}, zipfile.ZIP_STORED).replace(b"xxx", b"xyx", 1),
        "unreadable member",
    ),
    "garbled": (
        lambda: bytes(b ^ 0xFF if 60 <= i < 80 else b for i, b in enumerate(zip_of({"a.txt": TEXT}))),
        "unreadable member",
    ),
}


@pytest.mark.parametrize("bad", BAD_ARCHIVES)
def test_an_unreadable_archive_is_reported_and_its_neighbours_are_read(tmp_path: Path, bad: str) -> None:
    make, reason = BAD_ARCHIVES[bad]
    result = ingest_newest(
        config_of(write(tmp_path / "in", {"a.txt": "good", "b.zip": make(), "c.txt": "good"})), tmp_path
    )
    assert result.ids == ["books/a.txt#0", "books/c.txt#0"]
    ((uri, _, message),) = result.reasons
    assert uri.startswith("b.zip") and reason in message


def test_members_that_together_are_a_bomb_are_reported_before_they_are_read(tmp_path: Path) -> None:
    block = bytes(FREE_EXPANSION // 4)
    bomb = zip_of({"in.zip": zip_of({f"{i}.txt": block for i in range(6)})})
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.txt": "good", "b.zip": bomb})), tmp_path)
    assert result.ids == ["books/a.txt#0"]
    assert sum("zip bomb" in reason for *_, reason in result.reasons) >= 2
