"""HTML: the main text of a page without its navigation, by trafilatura, which datatrove's extractor uses too."""

import codecs
import re

from tasks.ingest.read.encodings import Decoded, Undecodable, decode
from tasks.ingest.read.plain import TextFiles

HEAD_BYTES = 2048  # of a page, in which it may name its encoding (HTML, 4.2.5.4: the first 1024)
CHARSET = re.compile(rb"""(?i)<meta[^>]+charset\s*=\s*["']?\s*([\w:.-]+)""")
# as browsers take these declarations (Encoding, 4.2)
BROWSER_READING = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254"}


class WebPages(TextFiles):
    """One document per page."""

    name = "🌐 HTML"

    def text_of(self, raw: bytes) -> Decoded:
        from trafilatura import extract

        page = _page(raw)
        text = extract(page.text, include_comments=False, favor_precision=True)
        if not text:
            raise Undecodable("no main text in this page")
        return page._replace(text=text)


def _page(raw: bytes) -> Decoded:
    """The page decoded as UTF-8 or ISO-2022 where it is that, else as it declares, else as detected."""
    encoding = _declared_encoding(raw)
    try:
        if encoding and not _is_utf8(raw):
            return Decoded(raw.decode(encoding), encoding)
    except (LookupError, UnicodeDecodeError):
        pass  # the declaration is wrong
    return decode(raw)


def _declared_encoding(raw: bytes) -> str | None:
    """The encoding that the page declares; None for those of Unicode, which are recognised by their bytes."""
    match = CHARSET.search(raw[:HEAD_BYTES])
    try:
        name = codecs.lookup(match[1].decode("ascii", errors="replace")).name if match else "utf-8"
    except LookupError:
        return None
    return None if name.startswith("utf") else BROWSER_READING.get(name, name)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
