"""PDF and DOCX: the text that pypdf and word_text.py extract, with title and author as metadata."""

import io
import logging
import re
import zipfile
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from typing import Any

from datatrove.data import Document

from tasks.ingest.lines import RAW_BYTES, check_expansion
from tasks.ingest.read.pdf_pages import page_text
from tasks.ingest.read.word_text import word_blocks
from tasks.ingest.readers import BadRecord, QuarantiningReader

SENTENCE_END = (".", "!", "?", ":", "…", "。", "！", "？", "”", '"', ")")
HYPHEN = re.compile(r"(?<=\w)[-\u00ad\u2010]\n(?=[a-zà-öø-ÿ])")  # a word that the end of a line divides
OLE_MARK = bytes.fromhex("d0cf11e0a1b11ae1")  # of a file of Word before 2007, and of an encrypted one
QUOTED_BYTES = re.compile(r": b['\"]")
REASON_CHARACTERS = 120
NULS_REPLACED = "NUL characters of PDF or DOCX became U+FFFD"
PAGES_LOST = "pages of PDFs that cannot be read were left out"
FULL_LINE = 0.7  # of the page's longest line: a line that long goes on in the next


class OfficeFiles(QuarantiningReader):
    """One document per file; a file that a library fails on goes to the quarantine, whatever it raises."""

    without_text: str  # why a file that has none is in the quarantine
    repairs: Counter[str]

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            raw = file.read(self.rules.max_record_bytes + 1)
        if len(raw) > self.rules.max_record_bytes:
            limit = f"max_record_bytes = {self.rules.max_record_bytes:,}"
            self.quarantine(BadRecord(0, f"more than {limit}: raise it for this source", raw[:RAW_BYTES]))
            return
        self.repairs = Counter[str]()
        try:
            text, metadata = self.text_of(raw)
            fields = {k: _characters(v) if isinstance(v, str) else v for k, v in metadata.items() if v}
            self.repairs[NULS_REPLACED] += text.count("\0")
            text = _characters(text)
        except Exception as error:  # the formats are huge: no list of what their libraries raise is complete
            self.quarantine(BadRecord(0, f"unreadable: {_reason(error)}", raw[:RAW_BYTES]))
            return
        if not text.strip():
            self.quarantine(BadRecord(0, self.without_text, raw[:RAW_BYTES]))
        elif document := self.whole(text, filepath, raw, fields):
            self.report_repairs(+self.repairs)
            yield document

    @abstractmethod
    def text_of(self, raw: bytes) -> tuple[str, dict[str, Any]]:
        """The file's text, and its metadata; what was left out of it is counted in `repairs`."""


class PdfFiles(OfficeFiles):
    """The pages of a PDF, their lines joined to paragraphs."""

    name = "📕 PDF"
    without_text = "no text in it; scanned pages need OCR first (ocrmypdf)"

    def text_of(self, raw: bytes) -> tuple[str, dict[str, Any]]:
        from pypdf import PdfReader

        logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it logs every oddity of a file
        reader = PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("encrypted: save it without a password")
        texts, lost, fault = list[str](), list[int](), ""
        for number in range(len(reader.pages)):
            try:
                texts.append(unwrap(page_text(reader.pages[number])))
            except Exception as error:  # a page's fault, whatever pypdf raises: the other pages stay
                lost.append(number + 1)
                fault = fault or _reason(error)
        if lost and len(lost) == len(reader.pages):
            raise ValueError(f"no page can be read: {fault}")
        self.repairs[PAGES_LOST] += len(lost)
        fields = _pdf_information(reader) | {"pages": len(reader.pages), "lost_pages": lost}
        return "\n\n".join(filter(None, texts)), fields


class DocxFiles(OfficeFiles):
    """Paragraphs of a DOCX in order, and its tables' rows with tabs between their cells."""

    name = "📘 DOCX"
    without_text = "no text in it"

    def text_of(self, raw: bytes) -> tuple[str, dict[str, Any]]:
        if raw.startswith(OLE_MARK):
            raise ValueError("encrypted, or a .doc of old: save it as .docx without a password")
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            check_expansion(sum(part.file_size for part in parts.infolist()), len(raw), self.rules.max_expansion)
            text = "\n\n".join(filter(str.strip, word_blocks(parts)))
        return text, _word_information(raw)


def _pdf_information(reader: Any) -> dict[str, Any]:
    try:
        return {"title": reader.metadata.title, "author": reader.metadata.author} if reader.metadata else {}
    except Exception:  # damaged too, whatever pypdf raises, and no reason to lose the text
        return {}


def _word_information(raw: bytes) -> dict[str, Any]:
    import docx

    try:
        core = docx.Document(io.BytesIO(raw)).core_properties
        return {"title": core.title, "author": core.author}
    except Exception:  # python-docx opens every part, and fails where one is missing
        return {}


def _reason(error: Exception) -> str:
    """What went wrong, without the text of the file that some libraries quote at length."""
    return QUOTED_BYTES.split(str(error))[0][:REASON_CHARACTERS] or type(error).__name__


def _characters(text: str) -> str:
    """The text without what is no character: fonts map some glyphs to NUL, or to half of one."""
    return join_surrogates(text).replace("\0", "\ufffd")


def join_surrogates(text: str) -> str:
    """The text with UTF-16 surrogate pairs, as some PDFs have them, as one character; a lone one becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unwrap(page: str) -> str:
    """A page's text in which lines that were broken by the page's width are joined again."""
    lines = [line.strip() for line in HYPHEN.sub("", page).split("\n")]
    full = FULL_LINE * max(map(len, lines), default=0)
    text = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        goes_on = following and len(line) >= full and not line.endswith(SENTENCE_END)
        goes_on = goes_on or (line and following[:1].islower())
        text += line + (" " if goes_on else "\n")
    return text.strip()
