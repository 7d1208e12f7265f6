"""The messages of a mailbox file (mbox, RFC 4155), one in memory at a time.

A message begins at a line `From ` that has a date, or a header in the line after it: a line of prose that happens to
begin so is text. Mail programs write `>From ` where a message has such a line of its own (mboxrd: one `>` more).
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

LINE_BYTES = 64 << 10  # of a longer line are read at once
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
DATE = re.compile(  # Tue Jan  2 10:00:00 2024, as asctime writes it, and its like
    rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +(?:" + _MONTH + rb" +\d{1,2}|\d{1,2} +" + _MONTH + rb")"
    rb"(?: +\d{4})?,? +\d{1,2}:\d{2}"
)
HEADER = re.compile(
    rb"(?i)(?:X-[\w-]+|Content-[\w-]+|List-[\w-]+|ARC-[\w-]+|Return-Path|Received(?:-SPF)?|From|To|Cc|Subject|Date|"
    rb"Message-ID|Delivered-To|Envelope-To|MIME-Version|Status|Reply-To|Sender|In-Reply-To|References|DKIM-Signature|"
    rb"Authentication-Results|Newsgroups|Path):"
)
QUOTED = re.compile(rb">+From ")


class StoredMessage(NamedTuple):
    raw: bytes  # of one that is too large, as much as shows that it is
    is_message: bool  # False for what stands before the first message


def stored_messages(file: BinaryIO, max_bytes: int) -> Iterator[StoredMessage]:
    """The messages in order; first what stands before them, where that is more than blank lines."""
    raw, is_message, is_first = bytearray(), False, True
    begins_line, after_blank = True, True
    line = file.readline(LINE_BYTES)
    while line:
        following = file.readline(LINE_BYTES)
        is_from = begins_line and line.startswith(b"From ")
        if is_from and (is_first or _begins_message(line, following, after_blank)):
            if not is_first:
                yield StoredMessage(bytes(raw), is_message)
            raw, is_message = bytearray(), True
        elif len(raw) <= max_bytes:
            raw += line[1:] if begins_line and QUOTED.match(line) else line
        after_blank = begins_line and not line.strip()
        begins_line = line.endswith(b"\n")
        is_first = is_first and after_blank
        line = following
    if not is_first:
        yield StoredMessage(bytes(raw), is_message)


def _begins_message(line: bytes, following: bytes, after_blank: bool) -> bool:
    has_date, has_header = DATE.search(line) is not None, HEADER.match(following) is not None
    return (has_date or has_header) if after_blank else (has_date and has_header)
