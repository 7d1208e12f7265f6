"""PDF, DOCX and mail: the text of each, and its metadata."""

import io
import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from tasks.ingest.read.mail import own_text
from tasks.ingest.read.office import PdfFiles
from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.languages import GERMAN


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


def test_pdf_and_docx_written_by_libraries_are_read_and_broken_ones_are_reported(tmp_path: Path) -> None:
    word = docx_file(GERMAN[:3], [["Jahr", "Ort"], ["1850", "Bremen"]])
    files = {
        "a.pdf": pdf(GERMAN[:5]),
        "b.docx": word,
        "cut.docx": word[:-300],
        "no.pdf": b"%PDF-1.4 no",
        "blank.pdf": pdf([]),
    }
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    texts = result.texts
    assert texts["a.pdf#0"].split("\n") == GERMAN[:5]
    assert texts["b.docx#0"] == "\n\n".join([*GERMAN[:3], "Jahr\tOrt", "1850\tBremen", "Ende."])
    assert json.loads(result.documents[1]["metadata"])["title"] == "Nebel"
    reasons = {uri: reason for uri, _, reason in result.reasons}
    assert reasons.keys() == {"cut.docx", "no.pdf", "blank.pdf"}
    assert "OCR" in reasons["blank.pdf"]


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


def test_the_text_of_a_mail_is_the_writers_own_words_and_headers_are_metadata(tmp_path: Path) -> None:
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
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    own = "Hallo Anna,\n\ndanke für die Karten. Wir kommen gern.\n\nJa, alle drei."
    texts = result.texts
    assert texts == {"a.eml#0": own, "b.mbox#0": own, "b.mbox#1": "Zweite Nachricht.", "c.eml#0": texts["c.eml#0"]}
    assert texts["c.eml#0"].split() == ["Guten", "Tag,", "ja", "&", "nein."]
    metadata = json.loads(result.documents[0]["metadata"])
    assert (metadata["subject"], metadata["from"]) == ("Samstag", "Bernd <b@example.org>")
    assert result.reasons == [("d.eml", 0, "no text of its own in this message")]


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
    assert own_text(f"New words.\n\n{tail}\n") == "New words."


def test_prose_that_looks_like_an_introduction_stays() -> None:
    text = "On the first page he wrote:\nDear sister, all is well."
    assert own_text(text) == text


def test_metadata_inside_a_file_never_replaces_its_text(tmp_path: Path) -> None:
    files = {
        "a.eml": mail(ANSWER),
        "b.docx": docx_file(GERMAN[:3], [["1850"]]),
        "c.jsonl": b'{"title": "One"}',
        "d.mbox": b"From b@example.org Mon Feb  5 10:00:00 2024\n" + mail("Zweite Nachricht."),
    }
    for field, other in (("title", "subject"), ("subject", "title")):
        result = ingest_newest(
            config_of(write(tmp_path / field, files), text_field=[field, other]), tmp_path / f"{field} home"
        )
        texts = result.texts
        assert texts.keys() == {"a.eml#0", "b.docx#0", "c.jsonl#0", "d.mbox#0"}
        assert texts["a.eml#0"].startswith("Hallo Anna") and texts["d.mbox#0"] == "Zweite Nachricht."
        assert texts["b.docx#0"].startswith(GERMAN[0])


def test_surrogates_in_pdf_metadata_are_joined_or_replaced(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(PdfFiles, "text_of", lambda *_: ("a\ud83d\ude00b\ud800", {"title": "\udc00T", "pages": 1}))
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.pdf": b"%PDF", "b.txt": "good"})), tmp_path)
    assert [row["text"] for row in result.documents] == ["a\U0001f600b\ufffd", "good"]
    assert json.loads(result.documents[0]["metadata"]) == {"title": "\ufffdT", "pages": 1}


def test_a_message_whose_charset_yields_surrogates_is_quarantined(tmp_path: Path) -> None:
    evil = b'Content-Type: text/plain; charset="unicode_escape"\n\nodd \\ud800 end\n'
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": evil, "b.txt": "good"})), tmp_path)
    assert result.ids == ["books/b.txt#0"]
    assert "lone surrogate" in result.reasons[0][2]
