"""DOCX: every sentence once, wherever in the XML it stands."""

import io
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from tests.tasks.corpora import config_of, ingest_newest, write

SPACES = nsdecls("w") + (
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml"'
    ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
NOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(content: str) -> str:
    return f"<w:p>{content}</w:p>"


def box(text: str) -> str:
    inside = f"<w:txbxContent>{paragraph(run(text))}</w:txbxContent>"
    return f"<w:r><w:pict><v:shape><v:textbox>{inside}</v:textbox></v:shape></w:pict></w:r>"


def word(*bodies: str, footnotes: str = "") -> bytes:
    document = docx.Document()
    for body in bodies:
        (element,) = parse_xml(f"<w:body {SPACES}>{body}</w:body>")
        document.element.body.insert(len(document.element.body) - 1, element)
    if footnotes:
        from docx.opc.packuri import PackURI
        from docx.opc.part import Part

        blob = f"<w:footnotes {SPACES}>{footnotes}</w:footnotes>".encode()
        part = Part(PackURI("/word/footnotes.xml"), NOTES, blob, document.part.package)
        document.part.relate_to(part, f"{RELATIONS}/footnotes")
    sink = io.BytesIO()
    document.save(sink)
    return sink.getvalue()


def read(tmp_path: Path, content: bytes) -> str:
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.docx": content, "b.txt": "good"})), tmp_path)
    assert not result.quarantine
    return result.texts["a.docx#0"]


CELL = "<w:tcPr/>"
GRID = "<w:tblPr/><w:tblGrid><w:gridCol/><w:gridCol/></w:tblGrid>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph(run('In a form.'))}</w:sdtContent></w:sdt>", "In a form."),
        (paragraph(run("The toll is ") + f"<w:ins>{run('nine')}</w:ins>" + run(" coins.")), "The toll is nine coins."),
        (paragraph(run("He ") + "<w:del><w:r><w:delText>ran</w:delText></w:r></w:del>" + run("left.")), "He left."),
        (paragraph(f"<w:moveFrom>{run('Once.')}</w:moveFrom><w:moveTo>{run('Twice.')}</w:moveTo>"), "Twice."),
        (paragraph(f"<w:smartTag>{run('Bergen')}</w:smartTag>" + run(" is wet.")), "Bergen is wet."),
        (paragraph(f"<w:hyperlink>{run('A link')}</w:hyperlink>" + run(" and more.")), "A link and more."),
        (paragraph(run("Let ") + "<m:oMath><m:r><m:t>x=2</m:t></m:r></m:oMath>" + run(" hold.")), "Let x=2 hold."),
        (paragraph(run("Beside it.") + box("In a box.")), "Beside it.\n\nIn a box."),
        (
            paragraph(
                f"<mc:AlternateContent><mc:Choice>{box('A box once.')}</mc:Choice>"
                f"<mc:Fallback>{box('A box once.')}</mc:Fallback></mc:AlternateContent>"
            ),
            "A box once.",
        ),
        (
            paragraph("<w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/></w:r>")
            + "",
            "a\tb",
        ),
        (
            f"<w:tbl>{GRID}<w:tr><w:tc><w:tcPr><w:gridSpan w:val='2'/></w:tcPr>{paragraph(run('A wide head'))}</w:tc>"
            f"</w:tr><w:tr><w:tc>{CELL}<w:tbl>{GRID}<w:tr><w:tc>{CELL}{paragraph(run('within'))}</w:tc></w:tr></w:tbl>"
            f"{paragraph('')}</w:tc><w:tc>{CELL}{paragraph(run('c'))}</w:tc></w:tr></w:tbl>",
            "A wide head\n\nwithin\tc",
        ),
        (
            f"<w:tbl>{GRID}<w:tr><w:tc><w:tcPr><w:vMerge w:val='restart'/></w:tcPr>{paragraph(run('a'))}</w:tc></w:tr>"
            f"<w:tr><w:tc>{CELL}{paragraph(run('b'))}</w:tc><w:tc><w:tcPr><w:vMerge/></w:tcPr>{paragraph('')}</w:tc>"
            f"</w:tr></w:tbl>",
            "a\n\nb\t",
        ),
        (
            f"<w:tbl>{GRID}<w:tr><w:trPr><w:del/></w:trPr><w:tc>{paragraph(run('gone'))}</w:tc></w:tr>"
            f"<w:tr><w:sdt><w:sdtContent><w:tc>{paragraph(run('kept'))}</w:tc></w:sdtContent></w:sdt></w:tr></w:tbl>",
            "kept",
        ),
    ],
)
def test_text_is_read_once_wherever_it_stands(tmp_path: Path, body: str, expected: str) -> None:
    text = read(tmp_path, word(paragraph(run("Before.")), body, paragraph(run("After."))))
    assert text == f"Before.\n\n{expected}\n\nAfter."


def test_footnotes_follow_the_text(tmp_path: Path) -> None:
    line = f'<w:footnote w:type="separator">{paragraph(run("----"))}</w:footnote>'
    note = f"<w:footnote>{paragraph(run('See the map.'))}</w:footnote>"
    assert (
        read(
            tmp_path,
            word(paragraph(run("The path."))),
        )
        == "The path."
    )
    assert read(tmp_path / "b", word(paragraph(run("The path.")), footnotes=line + note)) == "The path.\n\nSee the map."


def changed(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """The archive with something replaced in a part, or in all that end so."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(sink, "w") as after:
        for name in before.namelist():
            inside = before.read(name)
            after.writestr(name, inside.replace(old, new) if name.endswith(part) else inside)
    return sink.getvalue()


def test_a_picture_that_is_gone_costs_no_text(tmp_path: Path) -> None:
    content = word(paragraph(run("Beside a picture.")))
    link = f'<Relationship Id="rId99" Type="{RELATIONS}/image" Target="NULL"/></Relationships>'.encode()
    assert read(tmp_path, changed(content, "document.xml.rels", b"</Relationships>", link)) == "Beside a picture."


def test_the_strict_version_of_the_format_is_read(tmp_path: Path) -> None:
    content = word(paragraph(run("Strictly so.")), footnotes=f"<w:footnote>{paragraph(run('A note.'))}</w:footnote>")
    strict = "http://purl.oclc.org/ooxml"
    content = changed(content, ".rels", RELATIONS.encode(), f"{strict}/officeDocument/relationships".encode())
    main = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    content = changed(content, ".xml", main, f"{strict}/wordprocessingml/main".encode())
    assert read(tmp_path, content) == "Strictly so.\n\nA note."


def test_entities_of_a_word_file_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret")
    content = word(paragraph(run("Before &amp;x; after.")))
    entity = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><w:document'.encode()
    content = changed(changed(content, "word/document.xml", b"<w:document", entity), "document.xml", b"&amp;x;", b"&x;")
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.docx": content, "b.txt": "good"})), tmp_path)
    assert not any("a secret" in row["text"] for row in result.documents)


def test_a_word_file_that_holds_no_text_or_is_encrypted_is_reported_as_that(tmp_path: Path) -> None:
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000)
    empty = word(paragraph(""))
    assert zipfile.is_zipfile(io.BytesIO(empty))
    files = {"a.docx": ole, "b.docx": empty, "c.txt": "good"}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    reasons = {uri: reason for uri, _, reason in result.reasons}
    assert "encrypted" in reasons["a.docx"] and ".doc" in reasons["a.docx"]
    assert reasons["b.docx"] == "no text in it"
