"""Mail: what the writer of each message wrote, without quoted history and signature; headers are metadata."""

import mailbox
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from datatrove.data import Document

from tasks.ingest.lines import RAW_BYTES
from tasks.ingest.read.encodings import Undecodable, decode
from tasks.ingest.readers import BadRecord, QuarantiningReader

HEADERS = ("subject", "from", "to", "date", "message-id")
SIGNATURE = "-- "  # RFC 3676, 4.3; many mailers lose its blank
INTRODUCTION = re.compile(  # "On Monday, A wrote:", in some languages, perhaps over two lines
    r"(?m)^(?:On\b|Am\b|Le\b|El\b|Il\b|Op\b|Em\b).{0,200}?(?:\n.{0,100}?)?"
    r"(?:wrote|schrieb.{0,80}|a écrit|escribió|ha scritto|schreef|escreveu)\s?:\s*$"
)
FORWARD_LINE = re.compile(  # what Outlook and Gmail put above a message that they quote as a whole
    r"(?m)^(?:-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Forwarded message).*|_{20,})$"
)
HIDDEN_TAGS = ("script", "style", "blockquote", "title")
LINE_TAGS = ("br", "p", "div", "li", "tr", "h1", "h2", "h3")
SPACES = re.compile(r"\s+")
BLANK_LINES = re.compile(r"\n{3,}")


class MailFiles(QuarantiningReader):
    """One message (.eml)."""

    name = "✉️ Mail"

    def read_file(self, filepath: str) -> Iterator[Document]:
        with self.data_folder.open(filepath, "rb") as file:
            raw = file.read(self.rules.max_record_bytes + 1)
        if record := self.record(raw, 0):
            record[self.rules.id_field] = filepath
            if document := self.document(record, filepath, 0, raw):
                yield document

    def record(self, raw: bytes, position: int) -> dict[str, Any] | None:
        """The message's text and headers; None where it went to the quarantine."""
        if len(raw) > self.rules.max_record_bytes:
            limit = f"max_record_bytes = {self.rules.max_record_bytes:,}"
            self.quarantine(BadRecord(position, f"a message of more than {limit}", raw[:RAW_BYTES]))
            return None
        try:
            message = message_from_bytes(raw, policy=policy.default)
            text = own_text(_body(message))
            headers = {name: _header(message[name]) for name in HEADERS if message[name]}
        except (Undecodable, LookupError, ValueError, AttributeError, IndexError, TypeError) as error:
            self.quarantine(BadRecord(position, f"the message cannot be read: {error}", raw[:RAW_BYTES]))
            return None
        if not text:
            self.quarantine(BadRecord(position, "no text of its own in this message", raw[:RAW_BYTES]))
            return None
        return {**headers, self.rules.text_fields[0]: text}


class Mailboxes(MailFiles):
    """All messages of a mailbox (.mbox), as mail programs export it."""

    def read_file(self, filepath: str) -> Iterator[Document]:
        box = _Mailbox(self.data_folder.open(filepath, "rb"))
        try:
            for position, key in enumerate(box.keys()):
                raw = box.get_bytes(key)
                record = self.record(raw, position)
                if record and (document := self.document(record, filepath, position, raw)):
                    yield document
            if not len(box):
                self.quarantine(BadRecord(0, "no message in it: an mbox has lines that begin with 'From '", b""))
        finally:
            box.close()


class _Mailbox(mailbox.mbox):
    """The standard library's mailbox on a file that is already open (in an archive, say) and is never written."""

    def __init__(self, file: Any) -> None:
        mailbox.Mailbox.__init__(self, Path("unused"))
        self._message_factory = mailbox.mboxMessage
        self._file, self._toc, self._next_key, self._file_length = file, None, 0, 0
        self._pending, self._pending_sync, self._locked = False, False, False


def own_text(body: str) -> str:
    """The text by the message's own writer, without quoted lines, their introductions and the signature."""
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    for mark in (FORWARD_LINE, INTRODUCTION):
        if (match := mark.search(text)) is None:
            continue
        if mark is FORWARD_LINE:  # a forwarded message goes whole
            text = text[: match.start()]
        elif text[match.end() :].lstrip().startswith(">"):  # the introduction alone: answers may follow between quotes
            text = mark.sub("", text)
    kept = []
    for line in text.split("\n"):
        if line in (SIGNATURE, SIGNATURE.rstrip()):
            break
        if not line.startswith(">"):
            kept.append(line.rstrip())
    return BLANK_LINES.sub("\n\n", "\n".join(kept)).strip()


def _body(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    text = _decode(raw, part.get_content_charset())
    return _text_of_html(text) if part.get_content_subtype() == "html" else text


def _decode(raw: bytes, charset: str | None) -> str:
    """The text in the encoding that the message declares; where that is wrong or missing, in the detected one."""
    try:
        return raw.decode(charset) if charset else decode(raw).text
    except (LookupError, UnicodeDecodeError):
        return decode(raw).text


def _text_of_html(page: str) -> str:
    reader = _VisibleText()
    reader.feed(page)
    reader.close()
    return "".join(reader.text)


class _VisibleText(HTMLParser):
    """The visible text of a message in HTML, without what it quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.hidden = list[str](), 0

    def handle_starttag(self, tag: str, _: object) -> None:
        self.hidden += tag in HIDDEN_TAGS
        self.text += ["\n"] if tag in LINE_TAGS else []

    def handle_endtag(self, tag: str) -> None:
        self.hidden = max(0, self.hidden - (tag in HIDDEN_TAGS))

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.text.append(SPACES.sub(" ", data))


def _header(value: Any) -> str:
    return str(value).encode(errors="replace").decode()
