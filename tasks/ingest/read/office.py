"""PDF and DOCX: the text that pypdf and python-docx find, with title and author as metadata."""

import io
import logging
import re
import zipfile
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from datatrove.data import Document

from tasks.ingest.lines import RAW_BYTES, refuse_overgrown
from tasks.ingest.readers import Bad, Checked

SENTENCE_END = (".", "!", "?", ":", "…", "。", "！", "？", "”", '"', ")")
HYPHEN = re.compile(r"(?<=\w)[-\u00ad\u2010]\n(?=[a-zà-öø-ÿ])")  # a word that the end of a line divides
FULL_LINE = 0.7  # of a page's longest line: what is as long goes on in the next


class Office(Checked):
    """One document a file. What a library cannot read of a broken file is told, whatever it raises."""

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            raw = file.read(self.rules.max_record_bytes + 1)
        if len(raw) > self.rules.max_record_bytes:
            limit = f"max_record_bytes = {self.rules.max_record_bytes:,}"
            self.quarantine(Bad(0, f"more than {limit}: raise it for this source", raw[:RAW_BYTES]))
            return
        try:
            text, said = self.text_of(raw)
            text, fields = paired(text), {k: paired(v) if isinstance(v, str) else v for k, v in said.items() if v}
        except Exception as error:  # of formats of a thousand pages: no list of what their readers raise is whole
            self.quarantine(Bad(0, f"unreadable: {error or type(error).__name__}", raw[:RAW_BYTES]))
            return
        if not text.strip():
            self.quarantine(Bad(0, "no text in it; scanned pages need OCR first (ocrmypdf)", raw[:RAW_BYTES]))
        elif document := self.whole(text, filepath, raw, fields):
            yield document

    @abstractmethod
    def text_of(self, raw: bytes) -> tuple[str, dict[str, Any]]:
        """The file's text, and its metadata."""


class Pdfs(Office):
    """The pages of a PDF, their lines joined to paragraphs again."""

    name = "📕 PDF"

    def text_of(self, raw: bytes) -> tuple[str, dict[str, Any]]:
        from pypdf import PdfReader

        logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it talks of every oddity of a file that it reads
        reader = PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("encrypted: save it without a password")
        pages = (unwrapped(page.extract_text()) for page in reader.pages)
        said = reader.metadata
        fields = {"title": said.title, "author": said.author} if said else {}
        return "\n\n".join(page for page in pages if page), {**fields, "pages": len(reader.pages)}


class WordFiles(Office):
    """Paragraphs of a DOCX in order, and its tables' rows with tabs between their cells."""

    name = "📘 DOCX"

    def text_of(self, raw: bytes) -> tuple[str, dict[str, Any]]:
        import docx

        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            refuse_overgrown(sum(part.file_size for part in parts.infolist()), len(raw), self.rules.max_expansion)
        document = docx.Document(io.BytesIO(raw))
        blocks = []
        for block in document.iter_inner_content():
            if hasattr(block, "rows"):
                blocks += ["\t".join(cell.text for cell in row.cells) for row in block.rows]  # pyright: ignore
            else:
                blocks.append(block.text)  # pyright: ignore[reportAttributeAccessIssue]
        core = document.core_properties
        return "\n\n".join(filter(str.strip, blocks)), {"title": core.title, "author": core.author}


def paired(text: str) -> str:
    """Halves of UTF-16 characters, as some PDFs name them, put together; a lone half is U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unwrapped(page: str) -> str:
    """A page's text with lines that only the paper's width has ended put together again."""
    lines = [line.strip() for line in HYPHEN.sub("", page).split("\n")]
    full = FULL_LINE * max(map(len, lines), default=0)
    text = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        goes_on = following and len(line) >= full and not line.endswith(SENTENCE_END)
        goes_on = goes_on or (line and following[:1].islower())
        text += line + (" " if goes_on else "\n")
    return text.strip()
