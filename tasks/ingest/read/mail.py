"""Mail: what the writer of each message wrote, without quoted history and signature; headers are metadata."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Any, cast

from datatrove.data import Document

from tasks.ingest.lines import RAW_BYTES
from tasks.ingest.read.encodings import UTF16, Undecodable, decode
from tasks.ingest.read.mail_body import body_text
from tasks.ingest.read.mailboxes import stored_messages
from tasks.ingest.read.own_words import own_text
from tasks.ingest.readers import BadRecord, QuarantiningReader

HEADERS = ("subject", "from", "to", "date", "message-id")
PARSED_CHARACTERS = 1_000  # of a header: the standard library's parser of addresses takes quadratic time
CONTENT_CHARACTERS = 4_000  # of a header that describes a part
DECODED_CHARACTERS = 20_000  # its decoder as well, for very many encoded words
BEFORE_HEADERS = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:\d+ *\r?\n(?=[\w-]+:))?(?:[ \t]*\r?\n)*"
)  # .emlx begins with a size
UNREADABLE = (Undecodable, LookupError, ValueError, AttributeError, IndexError, TypeError)


class _BoundedPolicy(EmailPolicy):
    """The standard library's policy, that parses no endless list of parameters: it takes 0.1 ms for each character."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:CONTENT_CHARACTERS] if name.lower().startswith("content-") else value


BOUNDED = _BoundedPolicy()


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
            message = cast(EmailMessage, message_from_bytes(_stored_message(raw), policy=BOUNDED))
            (text, repairs), headers = body_text(message, own_text, self.shared), _headers(message)
        except RecursionError:
            self.quarantine(BadRecord(position, "parts within parts, too deep to be read", raw[:RAW_BYTES]))
            return None
        except UNREADABLE as error:
            self.quarantine(BadRecord(position, f"the message cannot be read: {error}", raw[:RAW_BYTES]))
            return None
        if not text:
            self.quarantine(BadRecord(position, "no text of its own in this message", raw[:RAW_BYTES]))
            return None
        self.report_repairs(+repairs)
        return {**headers, self.rules.text_fields[0]: text}


class Mailboxes(MailFiles):
    """All messages of a mailbox (.mbox), as mail programs export it."""

    def read_file(self, filepath: str) -> Iterator[Document]:
        position, source = 0, self.shared
        self.shared = source.with_blocks(lambda: self.data_folder.open(filepath, "rb"))
        with self.data_folder.open(filepath, "rb") as file:
            for raw, is_message in stored_messages(file, self.rules.max_record_bytes):
                if not is_message:
                    fault = "text before the first message: an mbox begins with a line 'From '"
                    self.quarantine(BadRecord(0, fault, raw[:RAW_BYTES]))
                    continue
                record = self.record(raw, position)
                if record and (document := self.document(record, filepath, position, raw)):
                    yield document
                position += 1
        self.shared = source
        if position == 0:
            self.quarantine(BadRecord(0, "no message in it: an mbox has lines that begin with 'From '", b""))


def _stored_message(raw: bytes) -> bytes:
    """The message in bytes of ASCII's kind, without what some programs store before it: a mark, a size, blank lines."""
    if raw.startswith(UTF16):
        raw = raw.decode("utf-16", errors="replace").encode()
    return BEFORE_HEADERS.sub(b"", raw, count=1)


def _headers(message: EmailMessage) -> dict[str, str]:
    """The headers that are metadata, the first of each name."""
    headers = dict[str, str]()
    for given, raw in message.raw_items():
        name = given.lower()
        if name in HEADERS and not headers.get(name):
            if any("\udc80" <= sign <= "\udcff" for sign in raw):  # bytes as they are, where words should be encoded
                value = _raw_header(str(raw))
            else:
                value = str(message[name] or "") if len(raw) <= PARSED_CHARACTERS else _long_header(str(raw))
            headers[name] = value.encode(errors="replace").decode()
    return {name: headers[name] for name in HEADERS if headers.get(name)}


def _raw_header(raw: str) -> str:
    """A header in one line, from bytes that are no ASCII."""
    line = " ".join(raw.split()).encode(errors="surrogateescape")
    try:
        return decode(line).text
    except Undecodable:
        return line.decode(errors="replace")


def _long_header(raw: str) -> str:
    """A header in one line, its encoded words decoded; addresses are not looked at."""
    line = " ".join(raw.split())
    try:
        return str(make_header(decode_header(line))) if len(line) <= DECODED_CHARACTERS else line
    except (HeaderParseError, UnicodeError, LookupError):
        return line
