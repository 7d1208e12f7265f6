"""UTF-8 with a few bytes that are none: the text around them is read as it is, and a note counts them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest.read.encodings import NULS, Undecodable, decode
from tasks.ingest.read.utf8 import CUT, JOINED, READ_AS_CP1252, REPLACED
from tests.tasks.corpora import compress, config_of, ingest_newest, write
from tests.tasks.languages import GERMAN, JAPANESE, PAGE

LINE = "The mayor promised a road — then a lamp — and “in the end” a bench. It isn’t there. "
DAMAGED = {
    "a quotation mark of cp1252": ((LINE * 3).encode() + b"It isn\x92t.", LINE * 3 + "It isn’t.", {READ_AS_CP1252: 1}),
    "a letter of cp1252 in ASCII": (b"caf\xe9 au lait", "café au lait", {READ_AS_CP1252: 1}),
    "pounds and dashes in ASCII": (b"It was \xa35 \x96 too much.", "It was £5 – too much.", {READ_AS_CP1252: 2}),
    "a byte that is no sign": (LINE.encode() + b"\xff\xfe lamp", f"{LINE}\ufffd\ufffd lamp", {REPLACED: 1}),
    "a quotation mark in Japanese": (
        JAPANESE[0].encode() + b"\x92" + JAPANESE[1].encode(),
        f"{JAPANESE[0]}\ufffd{JAPANESE[1]}",
        {REPLACED: 1},
    ),
    "a character cut in two": ("La città è lontan".encode() + b"\xc3", "La città è lontan", {CUT: 1}),
    "a dash cut in two": (b"along a road \xe2\x80", "along a road ", {CUT: 1}),
    "a lost byte": (LINE.encode() + b"a road \x80\x94 a lamp", f"{LINE}a road \ufffd\ufffd a lamp", {REPLACED: 1}),
    "emoji as two halves": (
        b"The ferry \xed\xa0\xbd\xed\xba\xa2 is late \xed\xa0\xbd\xed\xb9\x82",
        "The ferry 🚢 is late 🙂",
        {JOINED: 2},
    ),
    "UTF-16 cut in two": ("\ufeffA road".encode("utf-16-le")[:-1], "A roa", {CUT: 1}),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_few_bad_bytes_cost_these_bytes_only(damage: str) -> None:
    raw, text, repairs = DAMAGED[damage]
    decoded = decode(raw)
    assert (decoded.text, decoded.repairs) == (text, repairs)
    assert decoded.encoding.startswith("utf")


@pytest.mark.parametrize("raw", [b"\xff\xfd", b"ab\xe9\xe8", b"\x81\x82\x83 some words", bytes(range(128, 256)) * 9])
def test_bytes_that_are_mostly_no_utf8_are_no_text(raw: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(raw)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), st.integers(0), st.binary())
def test_a_stray_byte_changes_nothing_else(text: str, place: int, _: bytes) -> None:
    text = "ü" * 3 + text
    at = place % (len(text) + 1)
    decoded = decode(text[:at].encode() + b"\xff" + text[at:].encode())
    assert len(decoded.text) == len(text) + 1
    assert decoded.text[:at] + decoded.text[at + 1 :] == text


def test_every_kind_of_file_is_read_around_a_bad_byte_and_a_note_names_it(tmp_path: Path) -> None:
    rows = b"id,text\n" + b"".join(b'%d,"%s"\n' % (i, LINE.encode()) for i in range(200)) + b'x,"It isn\x92t."\n'
    late = b"id,text\n" + b'1,"Late again."\n' * 4000 + b'x,"It isn\x92t."\n'
    records = f'{{"text": "{LINE}"}}\n'.encode() + b'{"id": "x", "text": "It isn\x92t."}\n'
    files = {
        "a.csv": rows,
        "b.csv": late,
        "c.jsonl": records,
        "d.json": b"[" + records.replace(b"\n", b",", 1) + b"]",
        "e.csv.gz": compress(".gz", late),
        "f.txt": LINE.encode() + b"It isn\x92t.",
        "g.html": PAGE.encode().replace(b"</h1>", b" isn\x92t</h1>"),
    }
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert result.quarantine == []
    assert [row["text"] for row in result.documents if row["doc_id"].startswith("books/x")] == ["It isn’t."] * 5
    assert [row["text"] for row in result.documents if row["uri"] == "f.txt"] == [f"{LINE}It isn’t."]
    (page,) = [row["text"] for row in result.documents if row["uri"] == "g.html"]
    assert GERMAN[1] in page
    notes = [note for note in result.stats.notes if note.startswith(READ_AS_CP1252)]
    assert notes == [f"{READ_AS_CP1252}: 7 in 7 files (books: a.csv, books: b.csv, books: c.jsonl, …)"]


def test_a_lone_nul_costs_itself_only() -> None:
    decoded = decode(LINE.encode() * 20 + b"lamp\0 " + LINE.encode() * 20)
    assert decoded == (LINE * 20 + "lamp\ufffd " + LINE * 20, "utf-8", {NULS: 1})


def test_a_table_loses_rows_and_never_the_file(tmp_path: Path) -> None:
    noise = b"\x81\x8d\x8f\x90\x9d" * 4
    raw = b"id,text\n" + b"".join(b"%d,%s\n" % (i, noise if i % 9 == 0 else b"Late again.") for i in range(90))
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.csv": raw})), tmp_path)
    assert (len(result.documents), len(result.quarantine)) == (80, 10)


def test_a_byte_that_a_legacy_encoding_does_not_have_costs_itself_only(tmp_path: Path) -> None:
    german = ("\n".join(GERMAN)).encode("cp1252")
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.txt": german + b" \x81 Ende" + german * 90})), tmp_path)
    (row,) = result.documents
    assert row["text"].startswith("\n".join(GERMAN)) and " \ufffd Ende" in row["text"]
    assert json.loads(row["metadata"]) == {"encoding": "cp1252"}
    assert any("does not have became U+FFFD: 1 in 1 file" in note for note in result.stats.notes)
