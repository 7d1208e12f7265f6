"""The formats that people have: what is read of each, and what is quarantined or skipped."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands.init.survey import survey
from tasks.home import Home
from tasks.ingest import kinds
from tasks.ingest.listing import list_sources
from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.languages import GERMAN, JAPANESE, PAGE

TEXT = "\n".join(GERMAN)


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("cp1252", TEXT, "cp1252"),
        ("utf-16", TEXT, "utf-16"),
        ("utf-8-sig", TEXT, None),
        ("cp932", "\n".join(JAPANESE), "cp932"),
        ("cp1251", "Утром над рекой ещё лежал туман, и на мосту никого не было видно. " * 8, "cp1251"),
    ],
)
def test_a_text_in_any_encoding_is_read_and_its_encoding_is_metadata(tmp_path: Path, encoding, text, expected) -> None:
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.txt": text.encode(encoding)})), tmp_path)
    assert [row["text"] for row in result.documents] == [text]
    assert json.loads(result.documents[0]["metadata"]).get("encoding") == expected


def test_bytes_that_are_no_text_are_quarantined_and_not_guessed(tmp_path: Path) -> None:
    noise = bytes(range(128, 256)) * 20
    result = ingest_newest(
        config_of(write(tmp_path / "in", {"a.txt": "good", "b.txt": noise, "c.txt": b"caf\xe9 \xff \x81 \xd2"})),
        tmp_path,
    )
    assert [uri for uri, *_ in result.reasons] == ["b.txt", "c.txt"]
    assert "save it as UTF-8" in result.reasons[1][2]


def test_a_text_too_large_for_one_document_is_cut_at_blank_lines_and_nothing_is_lost(tmp_path: Path) -> None:
    paragraphs = [f"Absatz {i}: {GERMAN[i % len(GERMAN)]}" for i in range(300)]
    folder = write(tmp_path / "in", {"big.txt": "\n\n".join(paragraphs), "run.txt": "ü" * 3000, "small.txt": "small"})
    result = ingest_newest(config_of(folder, max_record_bytes=2048), tmp_path)
    parts = [row for row in result.documents if row["uri"] == "big.txt"]
    assert "\n\n".join(row["text"].strip() for row in parts) == "\n\n".join(paragraphs)
    assert max(len(row["text"].encode()) for row in parts) <= 2048
    assert [row["doc_id"] for row in parts[:2]] == ["books/big.txt#0", "books/big.txt#1"]
    assert {row["origin"] for row in parts} == {"books/big.txt"}
    assert "".join(row["text"] for row in result.documents if row["uri"] == "run.txt") == "ü" * 3000
    assert any("2 files too large for one document were cut" in note for note in result.stats.notes)


def test_a_bad_part_of_a_large_text_costs_that_part_only(tmp_path: Path) -> None:
    good = b"A line of text that is good.\n\n" * 60
    result = ingest_newest(
        config_of(write(tmp_path / "in", {"a.txt": good + b"bad \xff\xfe\x81\n\n" + good}), max_record_bytes=2048),
        tmp_path,
    )
    assert len(result.quarantine) == 1 and result.quarantine[0]["reason"].startswith("invalid utf-8")
    assert sum(row["text"].count("good") for row in result.documents) > 50


def sheet(rows: list[list[str]], delimiter: str = ",") -> str:
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter).writerows(rows)
    return sink.getvalue()


def test_rows_of_a_csv_are_records_whatever_the_delimiter(tmp_path: Path) -> None:
    rows = [["id", "text", "year"], ["a", 'One,\ntwo; "three"', "1999"], ["b", "Four", "2000"]]
    files = {
        "c.csv": sheet(rows),
        "s.csv": sheet(rows, ";"),
        "t.tsv": sheet(rows, "\t"),
        "w.csv": sheet([["text"], [TEXT]]).encode("cp1252"),
    }
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert [row["text"] for row in result.documents] == ['One,\ntwo; "three"', "Four"] * 3 + [TEXT]
    assert result.ids[:2] == ["books/a", "books/b"]
    assert json.loads(result.documents[0]["metadata"]) == {"year": "1999"}


def test_a_tsv_without_names_and_with_lone_quotation_marks_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.tsv": 'ham\tHe wrote "hello\nspam\tBuy now\n'})
    result = ingest_newest(config_of(folder, header=False, text_field="column2"), tmp_path)
    assert [(row["text"], json.loads(row["metadata"])) for row in result.documents] == [
        ('He wrote "hello', {"column1": "ham"}),
        ("Buy now", {"column1": "spam"}),
    ]


def test_a_csv_row_of_another_length_or_in_another_encoding_is_quarantined(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "in",
        {"a.csv": b"text,n\ngood,1\nbad,2,3\n" + (b"x" * 1000 + b",1\n") * 1100 + b"caf\xe9 \xff\xfe,4\n\nfine,5\n"},
    )
    result = ingest_newest(config_of(folder), tmp_path)
    assert [(position, reason[:10]) for _, position, reason in result.reasons] == [
        (1, "3 fields, "),
        (1_102, "bytes that"),
    ]
    assert result.documents[-1]["text"] == "fine"


def test_the_text_of_a_web_page_is_read_without_its_navigation(tmp_path: Path) -> None:
    latin = PAGE.replace("utf-8", "iso-8859-1").replace("©", "(c)").encode("iso-8859-1")
    folder = write(
        tmp_path / "in", {"a.html": PAGE, "b.htm": latin, "c.html": "<html><body><script>x()</script></body></html>"}
    )
    result = ingest_newest(config_of(folder), tmp_path)
    for row in result.documents:
        assert all(sentence in row["text"] for sentence in GERMAN)
        assert not any(word in row["text"] for word in ("Startseite", "Impressum", "track("))
    assert result.ids == ["books/a.html#0", "books/b.htm#0"]


def test_formats_whose_libraries_are_missing_are_listed_with_a_fix(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(kinds, "find_spec", lambda name: None)
    kinds.readable.cache_clear()
    try:
        (listing,) = list_sources(
            config_of(write(tmp_path / "in", {"a.txt": "a", "b.pdf": "b"})), Home(tmp_path)
        ).values()
        assert listing.unsupported == {".pdf": {"files": 1, "bytes": 1}}
        result = ingest_newest(config_of(tmp_path / "in"), tmp_path)
        assert any("1 .pdf (pip install 'triptych[documents]')" in note for note in result.stats.notes)
    finally:
        kinds.readable.cache_clear()


def test_a_text_of_500_megabytes_is_surveyed_by_its_beginning_and_read_in_bounded_memory(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {})
    folder.mkdir()
    with (folder / "big.txt").open("wb") as file:
        while file.tell() < 500_000_000:
            file.write(f"{TEXT}\n\n".encode() * 1000)
    first_look = survey(folder, Home(tmp_path))
    assert first_look.text_bytes == pytest.approx((folder / "big.txt").stat().st_size, rel=0.02)
    script = (
        "import resource, sys; from pathlib import Path; from tests.tasks.corpora import *\n"
        "write(Path(sys.argv[1]) / 'warm', {'a.txt': 'a'})\n"
        "ingest_newest(config_of(Path(sys.argv[1]) / 'warm'), Path(sys.argv[1]) / 'warm home')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "from tasks.ingest.ledger import record_arrivals; from tasks.ingest.steps import ingest\n"
        "config = config_of(Path(sys.argv[1]) / 'in'); known = record_arrivals('x', config, Home(Path(sys.argv[1])))\n"
        "out = Path(sys.argv[1]) / 'made'; out.mkdir()\n"
        "stats = ingest(config.part(known.parts['0001']), Inputs(), out)\n"
        "print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, stats.metrics['bytes']]))"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    grown_kib, read = json.loads(ran.stdout)
    assert read == (folder / "big.txt").stat().st_size
    assert grown_kib < 150 << 10
