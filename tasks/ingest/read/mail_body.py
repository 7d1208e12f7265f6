"""The text of a message's body: its parts in order, each in the form that says most."""

import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage, Message
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # it has no stubs

from tasks.ingest.read.encodings import decode

STUB_SHARE = 0.25  # of the characters in HTML: plain text below says only that there is HTML
HIDDEN_TAGS = ("script", "style", "blockquote", "title")
LINE_TAGS = ("br", "p", "div", "li", "tr", "h1", "h2", "h3")
SPACES = re.compile(r"\s+")


def body_text(message: EmailMessage, own_text: Callable[[str], str]) -> str:
    """The parts of text that are no attachments; of each its `own_text`, without what it quotes."""
    return "\n\n".join(filter(None, _texts(message, own_text)))


def _texts(part: Message, own_text: Callable[[str], str]) -> Iterator[str]:
    kind, subtype = part.get_content_maintype(), part.get_content_subtype()
    if kind == "multipart":
        parts: list[Any] = part.get_payload() if part.is_multipart() else []  # type: ignore[assignment]
        if subtype == "alternative":
            yield _fullest(["\n\n".join(filter(None, _texts(inner, own_text))) for inner in parts])
        else:
            for inner in parts[:1] if subtype == "related" else parts:  # the others belong to the first: pictures
                yield from _texts(inner, own_text)
    elif kind == "text" and subtype in ("plain", "html") and part.get_content_disposition() != "attachment":
        raw = part.get_payload(decode=True)
        text = _decode(raw if isinstance(raw, bytes) else b"", part.get_content_charset())
        yield own_text(text_of_html(text) if subtype == "html" else text)


def _fullest(alternatives: list[str]) -> str:
    """Of several forms of one text the plainest, which is the first, unless it is a stub beside another."""
    best = ""
    for text in alternatives:
        if len(best) < STUB_SHARE * len(text):
            best = text
    return best


def _decode(raw: bytes, charset: str | None) -> str:
    """The text in the encoding that the message declares; where that is wrong or missing, in the detected one."""
    try:
        return raw.decode(charset) if charset else decode(raw).text
    except (LookupError, UnicodeDecodeError):
        return decode(raw).text


def text_of_html(page: str) -> str:
    """The visible text of a message in HTML, without what it quotes; read once, however broken the HTML is."""
    visible = _VisibleText()
    parser = etree.HTMLParser(target=visible, encoding="utf-8", huge_tree=True)
    try:
        parser.feed(page.encode())
        parser.close()
    except etree.XMLSyntaxError:
        pass  # no element in it
    return "".join(visible.text)


class _VisibleText:
    """lxml's events of a page, gathered to text."""

    def __init__(self) -> None:
        self.text, self.hidden = list[str](), 0

    def start(self, tag: str, _: object) -> None:
        self.hidden += tag in HIDDEN_TAGS
        self.text += ["\n"] if tag in LINE_TAGS else []

    def end(self, tag: str) -> None:
        self.hidden = max(0, self.hidden - (tag in HIDDEN_TAGS))

    def data(self, data: str) -> None:
        if not self.hidden:
            self.text.append(SPACES.sub(" ", data))

    def close(self) -> None:
        pass
