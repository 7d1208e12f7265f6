"""The text of a message's body: its parts in order, each in the form that says most."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from email.message import EmailMessage, Message
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # it has no stubs

from tasks.ingest.read.declared import decode_declared

STUB_SHARE = 0.25  # of the characters in HTML: plain text below says only that there is HTML
HIDDEN_TAGS = ("script", "style", "blockquote", "title")
LINE_TAGS = ("br", "p", "div", "li", "tr", "h1", "h2", "h3")
SPACES = re.compile(r"\s+")


def body_text(message: EmailMessage, own_text: Callable[[str], str]) -> tuple[str, Counter[str]]:
    """The parts of text that are no attachments, of each its `own_text`; and how often which damage was mended."""
    repairs = Counter[str]()
    return "\n\n".join(filter(None, _texts(message, own_text, repairs))), repairs


def _texts(part: Message, own_text: Callable[[str], str], repairs: Counter[str]) -> Iterator[str]:
    kind, subtype = part.get_content_maintype(), part.get_content_subtype()
    if kind == "multipart":
        parts: list[Any] = part.get_payload() if part.is_multipart() else []  # type: ignore[assignment]
        if subtype == "alternative":
            yield _fullest(["\n\n".join(filter(None, _texts(inner, own_text, repairs))) for inner in parts])
        else:
            for inner in parts[:1] if subtype == "related" else parts:  # the others belong to the first: pictures
                yield from _texts(inner, own_text, repairs)
    elif kind == "text" and subtype in ("plain", "html") and part.get_content_disposition() != "attachment":
        raw = part.get_payload(decode=True)
        decoded = decode_declared(raw if isinstance(raw, bytes) else b"", part.get_content_charset())
        repairs.update(decoded.repairs)
        yield own_text(text_of_html(decoded.text) if subtype == "html" else decoded.text)


def _fullest(alternatives: list[str]) -> str:
    """Of several forms of one text the plainest, which is the first, unless it is a stub beside another."""
    best = ""
    for text in alternatives:
        if len(best) < STUB_SHARE * len(text):
            best = text
    return best


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
