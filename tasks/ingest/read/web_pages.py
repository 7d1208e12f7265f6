"""HTML: the main text of a page without its navigation, by trafilatura, which datatrove's extractor uses too."""

import re

from tasks.ingest.read.encodings import Decoded, Undecodable, decode
from tasks.ingest.read.plain import Texts

HEAD_BYTES = 2048  # of a page, in which it may name its encoding (HTML, 4.2.5.4: the first 1024)
CHARSET = re.compile(rb"""(?i)<meta[^>]+charset\s*=\s*["']?\s*([\w:.-]+)""")


class WebPages(Texts):
    """One document a page."""

    name = "🌐 HTML"

    def text_of(self, raw: bytes) -> Decoded:
        from trafilatura import extract

        page = _page(raw)
        text = extract(page.text, include_comments=False, favor_precision=True)
        if not text:
            raise Undecodable("no main text found in this page")
        return Decoded(text, page.encoding)


def _page(raw: bytes) -> Decoded:
    """UTF-8 where it is; else as the page says; else as is detected."""
    try:
        return Decoded(raw.decode(), "utf-8")
    except UnicodeDecodeError:
        named = CHARSET.search(raw[:HEAD_BYTES])
    if named is None:
        return decode(raw)
    try:
        encoding = named[1].decode("ascii", errors="replace").lower()
        return Decoded(raw.decode(encoding), encoding)
    except (LookupError, UnicodeDecodeError):
        return decode(raw)
