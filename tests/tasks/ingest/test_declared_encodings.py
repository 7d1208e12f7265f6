"""What a page or a message declares of its encoding, and what it is in."""

from itertools import pairwise
from pathlib import Path

import pytest

from tasks.ingest.read.encodings import NOT_IN_ENCODING, decode
from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.ingest.encoded_prose import EAST_ASIAN, NEIGHBOURS
from tests.tasks.languages import GERMAN, JAPANESE, PAGE


def test_a_page_is_read_in_the_encoding_that_it_is_in_whatever_it_says(tmp_path: Path) -> None:
    japanese = "".join(f"<p>{a}{b}</p>" for a, b in pairwise(JAPANESE))
    body = "<html><head><meta charset={}></head><body><article><h1>T</h1>{}</article></body></html>"
    quoted = PAGE.replace("Nebel", "„Nebel“").replace("utf-8", "iso-8859-1")
    files = {
        "a.html": body.format("iso-2022-jp", japanese).encode("iso2022_jp"),
        "b.html": quoted.encode("cp1252"),  # what browsers take iso-8859-1 for
        "c.html": PAGE.replace("utf-8", "utf-16").encode("cp1252"),
    }
    first, second, third = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path).documents
    assert all(sentence in first["text"] for sentence in JAPANESE)
    assert "der „Nebel“ noch über" in second["text"]
    assert GERMAN[1] in third["text"]


def test_japanese_mail_is_read_with_characters_beyond_the_standard_and_escapes_are_never_text(tmp_path: Path) -> None:
    body = b"\x1b$B-!\x1b(B \x1b$BHV$NA%$O\x1b(B 10\x1b$B;~$K=P$k!#\x1b(B\n\x1b(IRYZ\x1b(B \x1b$Bzs|b\x1b(B"
    text = "① 番の船は 10時に出る。\nﾒﾙﾚ 瀨髙"
    head = b"From: a@example.org\r\nContent-Type: text/plain; charset=ISO-2022-JP\r\n\r\n"
    table = b"id,text\n1," + body.splitlines()[0] + b"\n"
    files = {"a.eml": head + body, "b.txt": body, "c.csv": table, "d.txt": b"broken \x1b$B\xff\xfe\x1b(B"}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert [row["text"] for row in result.documents] == [text, text, text.splitlines()[0]]
    assert [(uri, reason[:8]) for uri, _, reason in result.reasons] == [("d.txt", "ISO-2022")]


DECLARED = {
    "iso-8859-1": ("She said “the ferry isn’t late”.", "cp1252"),
    "euc-kr": ("똠방각하와 펲시맨이 나룻배를 탔다.", "cp949"),
    "big5": ("佢哋喺碼頭嗰度睇船。", "big5hkscs"),
    "gb2312": ("朱镕基在码头上看船。", "gbk"),
    "x-sjis": ("①番の船は髙い。", "cp932"),
    "tis-620": ("เรือออกจากท่า “เช้า”", "cp874"),
}


@pytest.mark.parametrize("name", DECLARED)
def test_the_name_of_an_encoding_is_taken_as_programs_mean_it(tmp_path: Path, name: str) -> None:
    text, encoding = DECLARED[name]
    head = f"From: a@example.org\r\nContent-Type: text/plain; charset={name}\r\n\r\n"
    page = f"<html><head><meta charset='{name}'></head><body><article>{f'<p>{text}</p>' * 9}</article></body></html>"
    files = {"a.eml": head.encode() + text.encode(encoding), "b.html": page.encode(encoding)}
    mail, read = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path).documents
    assert mail["text"] == text and text in read["text"]


def test_a_byte_that_a_declared_encoding_does_not_have_is_replaced_and_noted(tmp_path: Path) -> None:
    head = b"From: a@example.org\r\nContent-Type: text/plain; charset=euc-kr\r\n\r\n"
    text = EAST_ASIAN["Korean"][1]
    files = {"a.eml": head + text.encode("euc_kr") + b" \xff."}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert [row["text"] for row in result.documents] == [f"{text} \ufffd."]
    assert any(note.startswith(f"{NOT_IN_ENCODING}: 1 in 1 file") for note in result.stats.notes)


def test_a_message_that_names_no_encoding_is_read_in_the_one_it_is_in(tmp_path: Path) -> None:
    message = b"From: a@example.org\r\nSubject: x\r\n\r\n" + "\n".join(JAPANESE).encode("iso2022_jp")
    (row,) = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": message})), tmp_path).documents
    assert row["text"] == "\n".join(JAPANESE)


def page_of(text: str, head: str, encoding: str) -> bytes:
    return f"{head}<html><body><article>{f'<p>{text}</p>' * 2}</article></body></html>".encode(encoding)


@pytest.mark.parametrize(
    ("head", "language", "encoding"),
    [
        ("<meta charset=utf-8>", "German", "cp1252"),  # ß and ü with the letter after them are Chinese characters
        ("<!-- <meta charset=windows-1251> -->", "German", "cp1252"),
        ("<!-- <meta charset=windows-1251> --><meta charset=windows-1252>", "German", "cp1252"),
        ("<meta charset=windows-1252>", "Russian", "cp1251"),
        ("<meta charset=iso-8859-1>", "Greek", "iso8859_7"),
        ("<?xml version='1.0' encoding='windows-1251'?>", "Russian", "cp1251"),
        ("<meta charset=windows-1252>", "Russian", "utf-8"),
    ],
)
def test_a_page_is_read_as_what_it_is_whatever_it_declares(
    tmp_path: Path, head: str, language: str, encoding: str
) -> None:
    text = NEIGHBOURS[language][1]
    files = {"a.html": page_of(text, head, encoding)}
    (row,) = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path).documents
    assert text in row["text"]


def test_accents_among_ascii_are_no_chinese() -> None:
    text = "Die Fähre verläßt früh am Morgen den Hafen und kehrt spät zurück.\n"
    assert decode((text * 6).encode("cp1252")).text == text * 6
