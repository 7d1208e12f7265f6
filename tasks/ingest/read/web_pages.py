"""HTML: the main text of a page without its navigation, by trafilatura, which datatrove's extractor uses too."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

from datatrove.data import Document

from tasks.ingest.lines import MIB, RAW_BYTES
from tasks.ingest.read.declared import decode_declared
from tasks.ingest.read.encodings import Decoded, Undecodable
from tasks.ingest.read.formulas import formula_text
from tasks.ingest.read.plain import TextFiles
from tasks.ingest.read.raised import lowered, raised
from tasks.ingest.read.shared_encoding import SharedEncoding
from tasks.ingest.readers import BadRecord

HEAD_BYTES = 2048  # of a page, in which it may name its encoding (HTML, 4.2.5.4: the first 1024)
CHARSET = re.compile(rb"""(?i)<(?:meta[^>]+charset|\?xml[^>]+encoding)\s*=\s*["']?\s*([\w:.-]+)""")
COMMENT = re.compile(rb"<!--.*?(?:-->|$)", re.DOTALL)
MIN_SURE_SHARE = 0.5  # of the text that trafilatura takes by default: below, its strict choice left out too much
DATA = re.compile(rb"""data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*,[^"'<>()\s]*""")
DATA_REST = re.compile(rb"""[^"'<>()\s]*""")
DATA_HEAD_BYTES = 200  # of such an address up to its comma, at most
DATA_LEFT_OUT = "data: addresses, as of pictures within a page, were left out of pages above max_record_bytes"


class WebPages(TextFiles):
    """One document per page."""

    name = "🌐 HTML"

    def text_of(self, raw: bytes) -> Decoded:
        page = _page(raw, self.shared)
        try:
            text = _main_text(page.text)
        except Exception as error:  # whatever the extractor raises on a page that is broken in a new way
            raise Undecodable(f"unreadable page: {error or type(error).__name__}") from error
        if not text:
            raise Undecodable("no main text in this page")
        return page._replace(text=text)

    def parts(self, head: bytes, file: BinaryIO, path: str) -> Iterator[Document]:
        """The document of a large page without the pictures within it; never its markup."""
        limit = self.rules.max_record_bytes
        kept, removed = bytearray(), 0
        for block, count in without_data(chain([head], iter(lambda: file.read(MIB), b""))):
            kept += block
            removed += count
            if len(kept) > limit:
                reason = f"a page of more than max_record_bytes = {limit:,}: raise it for this source"
                self.quarantine(BadRecord(0, reason, head[:RAW_BYTES]))
                return
        if document := self.one(bytes(kept), path):
            self.report_repairs({DATA_LEFT_OUT: removed})
            yield document


def _main_text(page: str) -> str | None:
    """The text that trafilatura is sure of; where that is a small part of what it takes by default, the latter."""
    from trafilatura import extract, load_html

    tree = load_html(page)
    if tree is None:
        return None
    _keep_numbers_apart(tree)
    _keep_formulas(tree)
    sure, usual = (extract(tree, include_comments=False, favor_precision=precise) or "" for precise in (True, False))
    return usual if len(sure) < MIN_SURE_SHARE * len(usual) else sure


def _keep_numbers_apart(tree: Any) -> None:
    """Raised and lowered numbers of the page, as signs of their own."""
    for element in tree.iter("sup", "sub"):
        previous, parent = element.getprevious(), element.getparent()
        if len(element) or not element.text or parent is None:
            continue
        before = (parent.text if previous is None else previous.tail or previous.text) or ""
        after = element.tail or ""
        is_above = element.tag == "sup"
        element.text = raised(element.text, before) if is_above else lowered(element.text, before, after)


def _keep_formulas(tree: Any) -> None:
    """Formulas as text: the extractor leaves MathML out."""
    for element in list(tree.iter("math")):
        text, tail = formula_text(element) or element.get("alttext") or "", element.tail
        element.clear()
        element.tag, element.text, element.tail = "span", text, tail


def without_data(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """The blocks without data: addresses, which hold pictures within a page, and how many began in each."""
    rest, is_within = b"", False
    for more in blocks:
        block = rest + more
        at = DATA_REST.match(block).end() if is_within else 0  # type: ignore[union-attr]  # it matches ""
        is_within = is_within and at == len(block)
        kept, count = list[bytes](), 0
        for match in DATA.finditer(block, at):
            kept.append(block[at : match.start()])
            at, count = match.end(), count + 1
            is_within = at == len(block)  # it may go on in the next block
        end = len(block) if is_within else max(at, len(block) - DATA_HEAD_BYTES)  # where one may begin
        rest = block[end:]
        yield b"".join([*kept, block[at:end]]), count
    yield rest, 0


def _page(raw: bytes, shared: SharedEncoding) -> Decoded:
    """The page in the encoding that it is in, or declares."""
    match = CHARSET.search(COMMENT.sub(b"", raw[:HEAD_BYTES]))
    return decode_declared(raw, match[1].decode("ascii", errors="replace") if match else None, shared)
