"""The text of a message's body: its parts in order, each in the form that says most."""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator
from email.errors import InvalidBase64LengthDefect
from email.message import EmailMessage, Message
from typing import Any, NamedTuple

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # it has no stubs

from tasks.ingest.read.declared import decode_declared
from tasks.ingest.read.raised import raised
from tasks.ingest.read.shared_encoding import SharedEncoding

STUB_SHARE = 0.25  # of the characters in HTML: plain text below says only that there is HTML
MARKUP = ("html", "enriched", "richtext")
NO_PROSE = (  # kinds of text that are for programs
    *("calendar", "css", "csv", "directory", "javascript", "rfc822-headers", "rtf", "tab-separated-values"),
    *("vcard", "x-amp-html", "x-vcard", "xml"),
)
FORWARDED = "messages within messages (forwarded or collected) were read as parts of these"
ATTACHED = "text files attached to mail were not read: save them beside it"
CUT_OFF = "parts of mail whose base64 is cut off were read up to there"
QUOTED = "quotations in mail that answers none were left out: lines that begin with >, or blockquotes"
QUOTED_LINE, QUOTATION = re.compile(r"(?m)^>"), re.compile("(?i)<blockquote")
ANSWER = re.compile(r"(?i)\s*(?:re|aw|fwd?|wg|tr|sv|vs|antw|rv|r|i|enc|res)\s?(?:\[\d+\])?:")  # in a subject
NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
HIDDEN_TAGS = ("script", "style", "blockquote", "title")
LINE_TAGS = ("br", "p", "div", "li", "tr", "h1", "h2", "h3")
SPACES = re.compile(r"\s+")


class MailText(NamedTuple):
    text: str
    repairs: Counter[str]  # how often which damage was mended, or what was left out


def body_text(message: EmailMessage, own_text: Callable[[str], str], shared: SharedEncoding) -> MailText:
    """The parts of text that are no attachments, of each its `own_text`."""
    reading = _BodyReading(own_text, shared, _is_answer(message))
    return MailText("\n\n".join(filter(None, reading.texts(message))), reading.repairs)


class _BodyReading:
    """The texts of a message's parts, in order; what was mended or left out is counted."""

    def __init__(self, own_text: Callable[[str], str], shared: SharedEncoding, is_answer: bool) -> None:
        self.own_text, self.shared, self.is_answer, self.repairs = own_text, shared, is_answer, Counter[str]()

    def texts(self, part: Message) -> Iterator[str]:
        kind, subtype = part.get_content_maintype(), part.get_content_subtype()
        parts: list[Any] = part.get_payload() if part.is_multipart() else []  # type: ignore[assignment]
        if subtype == "alternative":
            yield _fullest(["\n\n".join(filter(None, self.texts(inner))) for inner in parts])
        elif kind in ("multipart", "message"):
            self.repairs[FORWARDED] += kind == "message" and bool(parts)
            for inner in parts[:1] if subtype == "related" else parts:  # the others belong to the first: pictures
                yield from self.texts(inner)
        elif kind == "text" and part.get_content_disposition() == "attachment":
            self.repairs[ATTACHED] += 1
        elif kind == "text" and subtype not in NO_PROSE:
            decoded = decode_declared(self.content(part), part.get_content_charset(), self.shared)
            self.repairs.update(decoded.repairs)
            if not self.is_answer:
                self.repairs[QUOTED] += len((QUOTATION if subtype in MARKUP else QUOTED_LINE).findall(decoded.text))
            yield self.own_text(text_of_html(decoded.text) if subtype in MARKUP else decoded.text)

    def content(self, part: Message) -> bytes:
        """The bytes of a part; of base64 that is cut off what is there."""
        raw = part.get_payload(decode=True)
        if not isinstance(raw, bytes):
            return b""
        if any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects):
            self.repairs[CUT_OFF] += 1
            letters = NO_BASE64.sub(b"", raw)
            return base64.b64decode(letters[: len(letters) // 4 * 4])
        return raw


def _is_answer(message: EmailMessage) -> bool:
    """Whether headers say that it answers a message, or forwards one."""
    names = {name.lower(): str(value) for name, value in message.raw_items()}
    return not names.keys().isdisjoint(("in-reply-to", "references")) or bool(ANSWER.match(names.get("subject", "")))


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
        self.raised_from = 0  # the piece of text with which a raised part begins

    def start(self, tag: str, _: object) -> None:
        self.hidden += tag in HIDDEN_TAGS
        self.text += ["\n"] if tag in LINE_TAGS else []
        self.raised_from = len(self.text) if tag == "sup" else self.raised_from

    def end(self, tag: str) -> None:
        self.hidden = max(0, self.hidden - (tag in HIDDEN_TAGS))
        if tag == "sup" and 0 < self.raised_from < len(self.text):
            before = self.text[self.raised_from - 1]
            self.text[self.raised_from :] = [raised("".join(self.text[self.raised_from :]), before)]

    def data(self, data: str) -> None:
        if not self.hidden:
            self.text.append(SPACES.sub(" ", data))

    def close(self) -> None:
        pass
