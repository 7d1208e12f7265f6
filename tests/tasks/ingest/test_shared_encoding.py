"""Texts too short to show their encoding: the others of their source decide, else a person is told of the guess."""

import io
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.ingest.encoded_prose import NEIGHBOURS, PROSE

SHORT = {  # what is read as another encoding where it stands alone
    "cp1251": "Лодката замина от пристанището рано сутринта. Никой не знаеш",
    "iso8859_2": "hovorili, že za lesom leží jazero, ktoré už dávno nikto nena",
    "cp850": "nter dem Baum. Äpfel, Öl ",
}
LONG = {
    "cp1251": NEIGHBOURS["Bulgarian"][1],
    "iso8859_2": "\n".join(PROSE["Slovak"]),
    "cp850": NEIGHBOURS["German"][1],
}


@pytest.mark.parametrize("encoding", SHORT)
def test_a_short_text_is_read_as_the_others_of_its_source_are(tmp_path: Path, encoding: str) -> None:
    files = {"a.txt": SHORT[encoding], "b.txt": LONG[encoding]}
    folder = write(tmp_path / "in", {name: text.encode(encoding) for name, text in files.items()})
    result = ingest_newest(config_of(folder), tmp_path)
    assert result.texts["a.txt#0"] == SHORT[encoding] and result.texts["b.txt#0"] == LONG[encoding]
    assert any(f"read as {encoding} like the others of their source: " in note for note in result.stats.notes)


def test_texts_in_ascii_and_in_utf8_have_no_say(tmp_path: Path) -> None:
    plain = {f"a{n}.txt": "The ferry leaves the old harbour at seven.\n" * 100 for n in range(80)}
    damaged = {"b.txt": "L'été à la forêt, déjà brûlée \u2014 c'était tôt".encode() * 9 + b" \xff"}
    old = {"c.txt": LONG["cp1251"].encode("cp1251"), "d.txt": SHORT["cp1251"].encode("cp1251")}
    result = ingest_newest(config_of(write(tmp_path / "in", {**plain, **damaged, **old})), tmp_path)
    assert result.texts["d.txt#0"] == SHORT["cp1251"] and "é" in result.texts["b.txt#0"]


def test_many_short_texts_show_their_encoding_together(tmp_path: Path) -> None:
    words = " ".join(PROSE["Russian"]).split()
    files = {f"{n}.txt": " ".join(words[n : n + 3]) for n in range(0, 60, 3)}
    folder = write(tmp_path / "in", {name: text.encode("koi8_r") for name, text in files.items()})
    assert {k.removesuffix("#0"): v for k, v in ingest_newest(config_of(folder), tmp_path).texts.items()} == files


def test_the_members_of_an_archive_decide_for_each_other(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", SHORT["cp1251"].encode("cp1251"))
        archive.writestr("b.txt", LONG["cp1251"].encode("cp1251"))
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.zip": packed.getvalue()})), tmp_path)
    assert sorted(result.texts.values()) == sorted([SHORT["cp1251"], LONG["cp1251"]])


def test_the_messages_of_a_mailbox_decide_for_each_other(tmp_path: Path) -> None:
    sentences = [f"{sentence}." for sentence in NEIGHBOURS["Bulgarian"][1].removesuffix(".").split(". ")]
    head = "From a@b Tue Jan  2 10:00:00 2024\nSubject: s\n\n"
    box = "".join(f"{head}{sentence}\n\n" for sentence in sentences).encode("koi8_r")
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.mbox": box})), tmp_path)
    assert list(result.texts.values()) == sentences


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.eml"])
def test_a_guess_is_in_the_notes_with_the_file_and_what_to_do(tmp_path: Path, name: str) -> None:
    head = {"a.txt": "", "a.csv": "text\n", "a.eml": "Subject: x\n\n"}[name]
    raw = (head + "a cestu, protože to své mu\n").encode("iso8859_2")
    notes = ingest_newest(config_of(write(tmp_path / "in", {name: raw})), tmp_path).stats.notes
    assert any(
        "too few letters" in note and "`encoding`" in note and note.endswith(f"({'books'}: {name})") for note in notes
    )


def test_an_encoding_that_is_named_is_taken_for_what_is_not_utf8(tmp_path: Path) -> None:
    text = "a cestu, protože to své mu"
    files = {"a.txt": text.encode("iso8859_2"), "b.txt": text.encode(), "c.csv": f"text\n{text}\n".encode("iso8859_2")}
    result = ingest_newest(config_of(write(tmp_path / "in", files), encoding="latin2"), tmp_path)
    assert {t.strip() for t in result.texts.values()} == {text} and result.stats.notes == ()


@pytest.mark.parametrize("name", ["latin-nine", "base64"])
def test_an_encoding_that_is_none_of_text_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationError, match="no encoding of text"):
        config_of(tmp_path, encoding=name)
