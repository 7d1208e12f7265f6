"""Raised and lowered numbers: none becomes part of the number beside it, in any format that marks them."""

from pathlib import Path

import docx
import pytest

from tasks.ingest.read.raised import lowered, raised
from tests.tasks.corpora import config_of, ingest_newest, write

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
