"""The formats that people have: what is read of each, what is left and told, and what an archive may not do."""

import csv
import io
import json
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from tasks.ingest import kinds
from tasks.ingest.listing import list_sources
from tasks.ingest.read.mail import written
from tests.tasks.corpora import config_of, ingested, write
from tests.tasks.languages import GERMAN, JAPANESE, PAGE

TEXT = "\n".join(GERMAN)


def texts_of(got) -> dict[str, str]:
    return {row["doc_id"].removeprefix("books/"): row["text"] for row in got.documents}


@pytest.mark.parametrize(
    ("encoding", "text", "said"),
    [
        ("cp1252", TEXT, "cp1252"),
        ("utf-16", TEXT, "utf-16"),
        ("utf-8-sig", TEXT, None),
        ("cp932", "\n".join(JAPANESE), "cp932"),
        ("cp1251", "Утром над рекой ещё лежал туман, и на мосту никого не было видно. " * 8, "cp1251"),
    ],
)
def test_a_text_in_any_encoding_is_read_and_its_encoding_is_metadata(tmp_path: Path, encoding, text, said) -> None:
    got = ingested(config_of(write(tmp_path / "in", {"a.txt": text.encode(encoding)})), tmp_path)
    assert [row["text"] for row in got.documents] == [text]
    assert json.loads(got.documents[0]["metadata"]).get("encoding") == said


def test_bytes_that_are_surely_nothing_are_quarantined_and_not_guessed(tmp_path: Path) -> None:
    noise = bytes(range(128, 256)) * 20
    got = ingested(
        config_of(write(tmp_path / "in", {"a.txt": "good", "b.txt": noise, "c.txt": "caf\xe9".encode("cp1252")})),
        tmp_path,
    )
    assert [uri for uri, *_ in got.reasons] == ["b.txt", "c.txt"]
    assert "save it as UTF-8" in got.reasons[1][2]


def test_a_text_too_large_for_one_document_is_cut_at_blank_lines_and_nothing_is_lost(tmp_path: Path) -> None:
    paragraphs = [f"Absatz {i}: {GERMAN[i % len(GERMAN)]}" for i in range(300)]
    folder = write(tmp_path / "in", {"big.txt": "\n\n".join(paragraphs), "run.txt": "ü" * 3000, "small.txt": "small"})
    got = ingested(config_of(folder, max_record_bytes=2048), tmp_path)
    parts = [row for row in got.documents if row["uri"] == "big.txt"]
    assert "\n\n".join(row["text"].strip() for row in parts) == "\n\n".join(paragraphs)
    assert max(len(row["text"].encode()) for row in parts) <= 2048
    assert [row["doc_id"] for row in parts[:2]] == ["books/big.txt#0", "books/big.txt#1"]
    assert {row["origin"] for row in parts} == {"books/big.txt"}
    assert "".join(row["text"] for row in got.documents if row["uri"] == "run.txt") == "ü" * 3000
    assert any("2 files too large for one document were cut" in note for note in got.stats.notes)


def test_a_bad_part_of_a_large_text_costs_that_part_only(tmp_path: Path) -> None:
    good = b"A line of text that is good.\n\n" * 60
    got = ingested(
        config_of(write(tmp_path / "in", {"a.txt": good + b"bad \xff\n\n" + good}), max_record_bytes=2048), tmp_path
    )
    assert len(got.quarantine) == 1 and got.quarantine[0]["reason"].startswith("invalid utf-8")
    assert sum(row["text"].count("good") for row in got.documents) > 50


def sheet(rows: list[list[str]], delimiter: str = ",") -> str:
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter).writerows(rows)
    return sink.getvalue()


def test_rows_of_a_csv_are_records_whatever_parts_their_columns(tmp_path: Path) -> None:
    rows = [["id", "text", "year"], ["a", 'One,\ntwo; "three"', "1999"], ["b", "Four", "2000"]]
    files = {
        "c.csv": sheet(rows),
        "s.csv": sheet(rows, ";"),
        "t.tsv": sheet(rows, "\t"),
        "w.csv": sheet([["text"], [TEXT]]).encode("cp1252"),
    }
    got = ingested(config_of(write(tmp_path / "in", files)), tmp_path)
    assert [row["text"] for row in got.documents] == ['One,\ntwo; "three"', "Four"] * 3 + [TEXT]
    assert got.ids[:2] == ["books/a", "books/b"]
    assert json.loads(got.documents[0]["metadata"]) == {"year": "1999"}


def test_a_tsv_without_names_and_with_lone_quotation_marks_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a.tsv": 'ham\tHe said "hello\nspam\tBuy now\n'})
    got = ingested(config_of(folder, header=False, text_field="column2"), tmp_path)
    assert [(row["text"], json.loads(row["metadata"])) for row in got.documents] == [
        ('He said "hello', {"column1": "ham"}),
        ("Buy now", {"column1": "spam"}),
    ]


def test_a_csv_row_of_another_length_or_in_another_encoding_is_quarantined(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "in",
        {"a.csv": b"text,n\ngood,1\nbad,2,3\n" + (b"x" * 1000 + b",1\n") * 1100 + b"caf\xe9,4\n\nfine,5\n"},
    )
    got = ingested(config_of(folder), tmp_path)
    assert [(position, reason[:10]) for _, position, reason in got.reasons] == [
        (1, "3 fields, "),
        (1_102, "bytes that"),
    ]
    assert got.documents[-1]["text"] == "fine"


def test_of_a_web_page_the_text_is_read_and_not_its_navigation(tmp_path: Path) -> None:
    latin = PAGE.replace("utf-8", "iso-8859-1").replace("©", "(c)").encode("iso-8859-1")
    folder = write(
        tmp_path / "in", {"a.html": PAGE, "b.htm": latin, "c.html": "<html><body><script>x()</script></body></html>"}
    )
    got = ingested(config_of(folder), tmp_path)
    for row in got.documents:
        assert all(sentence in row["text"] for sentence in GERMAN)
        assert not any(word in row["text"] for word in ("Startseite", "Impressum", "track("))
    assert got.ids == ["books/a.html#0", "books/b.htm#0"]


def pdf(lines: list[str]) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"pdf.fonttype": 42}):
        figure = Figure(figsize=(8, 11))
        for i, line in enumerate(lines):
            figure.text(0.05, 0.95 - 0.04 * i, line)
        sink = io.BytesIO()
        figure.savefig(sink, format="pdf")
    return sink.getvalue()


def docx_file(paragraphs: list[str], table: list[list[str]]) -> bytes:
    import docx

    document = docx.Document()
    document.core_properties.title = "Nebel"
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    grid = document.add_table(len(table), len(table[0]))
    for i, row in enumerate(table):
        for j, cell in enumerate(row):
            grid.cell(i, j).text = cell
    document.add_paragraph("Ende.")
    sink = io.BytesIO()
    document.save(sink)
    return sink.getvalue()


def test_pdf_and_docx_written_by_libraries_are_read_and_broken_ones_are_told(tmp_path: Path) -> None:
    word = docx_file(GERMAN[:3], [["Jahr", "Ort"], ["1850", "Bremen"]])
    files = {
        "a.pdf": pdf(GERMAN[:5]),
        "b.docx": word,
        "cut.docx": word[:-300],
        "no.pdf": b"%PDF-1.4 no",
        "blank.pdf": pdf([]),
    }
    got = ingested(config_of(write(tmp_path / "in", files)), tmp_path)
    found = texts_of(got)
    assert found["a.pdf#0"].split("\n") == GERMAN[:5]
    assert found["b.docx#0"] == "\n\n".join([*GERMAN[:3], "Jahr\tOrt", "1850\tBremen", "Ende."])
    assert json.loads(got.documents[1]["metadata"])["title"] == "Nebel"
    told = {uri: reason for uri, _, reason in got.reasons}
    assert told.keys() == {"cut.docx", "no.pdf", "blank.pdf"}
    assert "OCR" in told["blank.pdf"]


def test_formats_whose_libraries_are_missing_are_listed_with_the_cure(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(kinds, "find_spec", lambda name: None)
    kinds.readable.cache_clear()
    try:
        (listing,) = list_sources(config_of(write(tmp_path / "in", {"a.txt": "a", "b.pdf": "b"})), tmp_path).values()
        assert listing.unread == {".pdf": {"files": 1, "bytes": 1}}
        got = ingested(config_of(tmp_path / "in"), tmp_path)
        assert any("1 .pdf (pip install 'triptych[documents]')" in note for note in got.stats.notes)
    finally:
        kinds.readable.cache_clear()


ANSWER = """Hallo Anna,

danke für die Karten. Wir kommen gern.

> Kommt ihr am Samstag?
> Es gibt Kuchen.

Ja, alle drei.

--\u0020
Bernd Beispiel
Leiter der Abteilung für Signaturen"""


def mail(body: str, subject: str = "Samstag", html: str = "") -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Bernd <b@example.org>", "anna@example.org"
    message["Date"] = "Mon, 05 Feb 2024 10:00:00 +0100"
    message.set_content(body)
    if html:
        message.set_content(html, subtype="html")
    return bytes(message)


def test_of_mail_the_writers_own_words_are_read_and_headers_are_metadata(tmp_path: Path) -> None:
    box = b"".join(
        b"From b@example.org Mon Feb  5 10:00:00 2024\n" + one + b"\n"
        for one in (mail(ANSWER), mail("Zweite Nachricht."))
    )
    page = (
        "<html><body><p>Guten Tag,</p><p>ja &amp; nein.</p><blockquote>Alt</blockquote><style>p{}</style></body></html>"
    )
    files = {
        "a.eml": mail(ANSWER),
        "b.mbox": box,
        "c.eml": mail("", html=page),
        "d.eml": mail("> nur Zitat\n-- \nBernd"),
    }
    got = ingested(config_of(write(tmp_path / "in", files)), tmp_path)
    own = "Hallo Anna,\n\ndanke für die Karten. Wir kommen gern.\n\nJa, alle drei."
    found = texts_of(got)
    assert found == {"a.eml#0": own, "b.mbox#0": own, "b.mbox#1": "Zweite Nachricht.", "c.eml#0": found["c.eml#0"]}
    assert found["c.eml#0"].split() == ["Guten", "Tag,", "ja", "&", "nein."]
    said = json.loads(got.documents[0]["metadata"])
    assert (said["subject"], said["from"]) == ("Samstag", "Bernd <b@example.org>")
    assert got.reasons == [("d.eml", 0, "no text of its own in this message")]


@pytest.mark.parametrize(
    "tail",
    [
        "On Mon, 5 Feb 2024 at 10:00, Anna <anna@example.org> wrote:\n> Old.",
        "Am 05.02.24 um 10:00 schrieb Anna Beispiel:\n\n> Alt.",
        "On Mon, 5 Feb 2024 at 10:00, Anna Beispiel\n<anna@example.org> wrote:\n> Old.",
        "-----Original Message-----\nFrom: Anna\nOld.",
        "-- \nBernd",
        "--\nBernd",
    ],
)
def test_history_and_signatures_are_cut(tail: str) -> None:
    assert written(f"New words.\n\n{tail}\n") == "New words."


def test_prose_that_looks_like_an_introduction_stays() -> None:
    text = "On the first page he wrote:\nDear sister, all is well."
    assert written(text) == text


def test_a_large_text_is_read_in_bounded_memory(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {})
    folder.mkdir()
    with (folder / "big.txt").open("wb") as file:
        for _ in range(600):
            file.write(f"{TEXT}\n\n".encode() * 100)
    assert (folder / "big.txt").stat().st_size > 60_000_000
    script = (
        "import resource, sys; from pathlib import Path; from tests.tasks.corpora import *\n"
        "write(Path(sys.argv[1]) / 'warm', {'a.txt': 'a'})\n"
        "ingested(config_of(Path(sys.argv[1]) / 'warm'), Path(sys.argv[1]) / 'warm home')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "from tasks.ingest.ledger import corpus; from tasks.ingest.steps import ingest\n"
        "config = config_of(Path(sys.argv[1]) / 'in'); known = corpus('x', config, Path(sys.argv[1]))\n"
        "out = Path(sys.argv[1]) / 'made'; out.mkdir()\n"
        "stats = ingest(config.part(known.parts['0001']), {}, out)\n"
        "print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, stats.metrics['bytes']]))"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    grown_kib, read = json.loads(ran.stdout)
    assert read == (folder / "big.txt").stat().st_size
    assert grown_kib < 150 << 10
