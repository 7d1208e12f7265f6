"""PDF: a sign or a page that cannot be read costs itself only, and is reported."""

import json
from pathlib import Path

from tests.tasks.corpora import config_of, ingest_newest, write

LIGATURE_TO_NUL = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
    b"1 beginbfchar <7E> <0000> endbfchar endcmap end end"
)
BROKEN = b"BT } (Hidden words) Tj ET"


def shown(text: str) -> bytes:
    """The operators that show a text on a page."""
    return b"BT /F1 12 Tf 72 700 Td (%s) Tj ET" % text.encode()


def pdf_file(pages: list[bytes], unicode_map: bytes = b"") -> bytes:
    """A PDF of pages with these operators, in a font whose characters the map translates."""
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica%s>>" % (b"/ToUnicode 4 0 R" if unicode_map else b"")
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", font, stream(unicode_map)]
    numbers = [len(objects) + 1 + 2 * i for i in range(len(pages))]
    for number, page in zip(numbers, pages, strict=True):
        box = b"/MediaBox[0 0 600 800]/Resources<</Font<</F1 3 0 R>>>>"
        objects += [b"<</Type/Page/Parent 2 0 R%s/Contents %d 0 R>>" % (box, number + 1), stream(page)]
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), b" ".join(b"%d 0 R" % n for n in numbers))
    file, starts = bytearray(b"%PDF-1.4\n"), list[int]()
    for number, content in enumerate(objects, 1):
        starts.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
    return bytes(file) + end % (len(objects) + 1, table, len(objects) + 1, len(file))


def stream(content: bytes) -> bytes:
    return b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)


def test_a_character_that_a_font_maps_to_nul_costs_itself_only(tmp_path: Path) -> None:
    files = {"a.pdf": pdf_file([shown("A ~ne day at the o~ce.")], LIGATURE_TO_NUL), "b.pdf": pdf_file([shown("Two.")])}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert result.texts == {"a.pdf#0": "A \ufffdne day at the o\ufffdce.", "b.pdf#0": "Two."}
    assert any("NUL" in note and "2 in 1 file (books: a.pdf)" in note for note in result.stats.notes)


def test_a_page_that_cannot_be_read_costs_that_page_only(tmp_path: Path) -> None:
    files = {"a.pdf": pdf_file([shown("First."), BROKEN, shown("Third."), BROKEN]), "b.pdf": pdf_file([shown("Good.")])}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert result.texts == {"a.pdf#0": "First.\n\nThird.", "b.pdf#0": "Good."}
    metadata = [json.loads(row["metadata"]) for row in result.documents]
    assert metadata == [{"pages": 4, "lost_pages": [2, 4]}, {"pages": 1}]
    assert any("pages of PDFs" in note and "2 in 1 file (books: a.pdf)" in note for note in result.stats.notes)


def test_a_pdf_without_any_good_page_is_quarantined_and_the_reason_quotes_no_text(tmp_path: Path) -> None:
    files = {"a.pdf": pdf_file([BROKEN, BROKEN]), "b.txt": "good"}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    ((_, _, reason),) = result.reasons
    assert "no page can be read" in reason and "Hidden" not in reason
    assert result.quarantine[0]["raw"].startswith(b"%PDF")


def test_information_that_cannot_be_read_does_not_cost_the_text(tmp_path: Path, monkeypatch) -> None:
    from pypdf import PdfReader

    monkeypatch.setattr(PdfReader, "metadata", property(lambda _: "".index("x")))
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.pdf": pdf_file([shown("Good.")])})), tmp_path)
    assert result.texts == {"a.pdf#0": "Good."}
