"""Raised and lowered numbers: none becomes part of the number beside it, in any format that marks them."""

import re
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from tasks.ingest.read.formulas import formula_text
from tasks.ingest.read.raised import lowered, raised
from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.ingest.test_damaged_pdf import LIGATURE_TO_NUL, pdf_file

CASES = {
    "10<sup>6</sup> of them": "10⁶ of them",
    "in 1990<sup>3</sup>, when": "in 1990³, when",
    "10<sup>-12</sup> m": "10⁻¹² m",
    "10<sup>7.5</sup> m": "10^7.5 m",
    "the 1<sup>st</sup> and the 2<sup>e</sup>": "the 1st and the 2e",
    "a note<sup>[1]</sup> here": "a note[1] here",
}


@pytest.mark.parametrize("markup", CASES)
def test_a_raised_number_stays_apart_in_pages_mail_and_word(tmp_path: Path, markup: str) -> None:
    filler = "<p>The ferry leaves the old harbour at seven and comes back late in the evening.</p>" * 3
    page = f"<html><body><article>{filler}<p>There were {markup}.</p>{filler}</article></body></html>"
    mail = f"From: a@example.org\nSubject: s\nContent-Type: text/html\n\n<p>There were {markup}.</p>"
    folder = write(tmp_path / "in", {"a.html": page, "b.eml": mail})
    document = docx.Document()
    paragraph = document.add_paragraph("There were ")
    for piece in markup.replace("</sup>", "<sup>").split("<sup>"):
        run = paragraph.add_run(piece)
        run.font.superscript = f"<sup>{piece}</sup>" in markup
    paragraph.add_run(".")
    document.save(str(folder / "c.docx"))
    result = ingest_newest(config_of(folder), tmp_path)
    assert all(f"There were {CASES[markup]}." in row["text"] for row in result.documents)
    assert len(result.documents) == 3


def test_a_lowered_number_is_a_sign_of_its_own_only_beside_another() -> None:
    assert lowered("2", "log", "10") == "₂" and lowered("2", "H", "O") == "2"
    assert raised("2", "") == "2" and raised("n", "x") == "ⁿ"


MATHML = {
    "<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>": "1/2",
    "<math><msup><mn>10</mn><mrow><mo>-</mo><mn>6</mn></mrow></msup></math>": "10⁻⁶",
    "<math><semantics><msub><mi>x</mi><mn>1</mn></msub><annotation>x_1</annotation></semantics></math>": "x₁",
    "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><msqrt><mn>3</mn></msqrt></mfrac></math>": "(a+b)/(√3)",
}
OMML = {
    "<m:f><m:fPr/><m:num>1</m:num><m:den>2</m:den></m:f>": "1/2",
    "<m:sSup><m:e>10</m:e><m:sup>6</m:sup></m:sSup>": "10⁶",
    "<m:sSubSup><m:e>x</m:e><m:sub>1</m:sub><m:sup>n</m:sup></m:sSubSup>": "x₁ⁿ",
}


@pytest.mark.parametrize("markup", MATHML)
def test_a_formula_in_a_page_is_read_in_one_line(tmp_path: Path, markup: str) -> None:
    filler = "<p>The ferry leaves the old harbour at seven and comes back late in the evening.</p>" * 3
    page = f"<html><body><article>{filler}<p>The share is {markup} of it.</p>{filler}</article></body></html>"
    (row,) = ingest_newest(config_of(write(tmp_path / "in", {"a.html": page})), tmp_path).documents
    assert f"The share is {MATHML[markup]} of it." in row["text"]


@pytest.mark.parametrize("markup", OMML)
def test_a_formula_in_a_word_document_is_read_in_one_line(tmp_path: Path, markup: str) -> None:
    runs = re.sub(r">([\w]+)<", r"><m:r><m:t>\1</m:t></m:r><", markup)
    document = docx.Document()
    paragraph = document.add_paragraph("The share is ")._p
    math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    paragraph.append(parse_xml(f"<m:oMath {math}>{runs}</m:oMath>"))
    (tmp_path / "in").mkdir()
    document.save(str(tmp_path / "in" / "a.docx"))
    (row,) = ingest_newest(config_of(tmp_path / "in"), tmp_path).documents
    assert row["text"] == f"The share is {OMML[markup]}"


def test_a_formula_of_many_levels_takes_linear_time() -> None:
    element = etree.fromstring("<mrow>" * 100 + "<mn>1</mn>" + "</mrow>" * 100)
    assert formula_text(element) == "1"


def test_a_raised_number_and_a_ligature_in_a_pdf(tmp_path: Path) -> None:
    page = (
        b"BT /F1 10 Tf 50 700 Td (10) Tj 0 4 Td /F1 6 Tf (6) Tj 0 -4 Td /F1 10 Tf ( of them, not 10 in an o~ce) Tj ET"
    )
    file = pdf_file([page], LIGATURE_TO_NUL.replace(b"<0000>", b"<FB03>"))
    (row,) = ingest_newest(config_of(write(tmp_path / "in", {"a.pdf": file})), tmp_path).documents
    assert row["text"].split() == ["10⁶", "of", "them,", "not", "10", "in", "an", "office"]
