"""Mail: no sentence that its writer wrote is lost, wherever it stands and whatever it looks like."""

import base64
import io
import json
import time
from pathlib import Path

import pytest

from tasks.ingest.read import mail_body
from tasks.ingest.read.mail import own_text
from tasks.ingest.read.mail_body import text_of_html
from tasks.ingest.read.mailboxes import stored_messages
from tests.tasks.corpora import config_of, ingest_newest, write

HEAD = "From: ida@example.org\nSubject: s\nMIME-Version: 1.0\n"
STORED = "From ida@example.org Thu Mar  7 09:30:00 2024\n"


def multipart(kind: str, *parts: tuple[str, str]) -> str:
    """A body; of each part its headers and its text."""
    inside = "".join(f"--b\n{headers}\n\n{text}\n" for headers, text in parts)
    return f"Content-Type: multipart/{kind}; boundary=b\n\n{inside}--b--\n"


def text_of(tmp_path: Path, message: str) -> str:
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": HEAD + message, "b.txt": "good"})), tmp_path)
    assert not result.quarantine
    return result.texts["a.eml#0"]


def messages(box: str, limit: int = 1 << 20) -> list[str]:
    return [raw.decode() for raw, _ in stored_messages(io.BytesIO(box.encode()), limit)]


def test_a_line_of_prose_that_begins_with_from_begins_no_message(tmp_path: Path) -> None:
    body = "Follow the wall.\nFrom the gate it is a mile.\n\nFrom the mill you see it.\n\n>From there turn left.\n"
    box = f"{STORED}{HEAD}\n{body}\n{STORED}{HEAD}\nThe second.\n"
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.mbox": box})), tmp_path)
    assert result.texts == {"a.mbox#0": body.replace(">", "").strip(), "a.mbox#1": "The second."}


def test_messages_begin_at_dates_or_headers_and_none_is_held_above_the_limit() -> None:
    for line in ("From - Thu Mar  7 09:30:00 2024", "From 12@xxx Thu Mar 07 09:30:00 +0000 2024", "From MAILER-DAEMON"):
        assert len(messages(f"{line}\nSubject: a\n\none\n\n{line}\nSubject: b\n\ntwo\n")) == 2
    assert len(messages(f"{STORED}{HEAD}\nno blank line after it\n{STORED}{HEAD}\ntwo\n")) == 2
    large, small = messages(f"{STORED}{HEAD}\n{'word ' * 100_000}\n\n{STORED}{HEAD}\nsmall\n", limit=1000)
    assert 1000 < len(large) < 200_000 and small.endswith("small\n")


def test_text_before_the_first_message_of_a_mailbox_is_reported(tmp_path: Path) -> None:
    box = f"Exported in March.\n\n{STORED}{HEAD}\nThe only one.\n"
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.mbox": box})), tmp_path)
    assert result.texts == {"a.mbox#0": "The only one."}
    assert result.quarantine[0]["raw"] == b"Exported in March.\n\n"


def test_all_parts_of_text_are_read_in_order_but_attachments(tmp_path: Path) -> None:
    body = multipart(
        "mixed",
        ("Content-Type: text/plain", "See the boat.\n-- \nIda"),
        (
            "Content-Type: image/png\nContent-Disposition: inline; filename=a.png\nContent-Transfer-Encoding: base64",
            "AA",
        ),
        ("Content-Type: text/html", "<p>See the <b>bridge</b>.</p>"),
        ("Content-Type: text/plain\nContent-Disposition: attachment; filename=log.txt", "0 errors"),
        ("Content-Type: text/plain", "See you soon."),
    )
    assert text_of(tmp_path, body) == "See the boat.\n\nSee the bridge.\n\nSee you soon."


LONG = "The band plays on Sunday. " * 20


@pytest.mark.parametrize(
    ("plain", "page", "expected"),
    [
        ("Please use a program that shows HTML.", f"<h1>June</h1><p>{LONG}</p>", f"June\n{LONG.strip()}"),
        ("", "<p>The band plays on Sunday.</p>", "The band plays on Sunday."),
        (LONG, f"<p>Menu</p><p>{LONG}</p><p>Imprint</p>", LONG.strip()),
    ],
)
def test_plain_text_gives_way_to_html_where_it_is_a_stub(tmp_path: Path, plain: str, page: str, expected: str) -> None:
    body = multipart("alternative", ("Content-Type: text/plain", plain), ("Content-Type: text/html", page))
    assert text_of(tmp_path, body) == expected


@pytest.mark.parametrize(
    "body",
    [
        f"This week.\n\n{'_' * 50}\n\nThe baths open at six.\n\n{'_' * 50}\n\nThe library is closed.",
        f"Programme.\n\n{'_' * 50}\nDate: Friday\n\nThe choir sings.",
        "Agenda.\n\n--\n\nFirst the roof.\n\n--\n\nThen the fence.",
        "Agenda.\n--\nFirst the roof.\n--\nThen the fence.",
        "First.\n--\n" + "\n".join(f"Line {i} of what is no signature." for i in range(30)),
        "I quote it.\n-----Original Message-----\nwas what the old program wrote above an answer.",
        "On the second day she wrote:\nAll is well.\n\nOn Monday, Bo wrote:\n\nNothing was quoted here.",
    ],
)
def test_a_mark_without_what_it_introduces_cuts_nothing(body: str) -> None:
    assert own_text(body) == body


@pytest.mark.parametrize(
    "tail",
    [
        f"{'_' * 32}\nFrom: Bo Example <bo@example.org>\nSent: Monday\nTo: Ida\nSubject: x\n\nOld.",
        "-----Ursprüngliche Nachricht-----\nVon: Bo\nGesendet: Montag\n\nAlt.",
        "---------- Forwarded message ---------\nDe : Bo\nVieux.",
        "On Mon, 5 Feb 2024, Bo wrote:\n> Old.\n>\n> Older.",
        "-- \nIda Example\n+47 000",
    ],
)
def test_quotations_and_signatures_are_cut_with_what_they_introduce(tail: str) -> None:
    assert own_text(f"New words.\n\n{tail}\n") == "New words."


def test_broken_html_is_read_once_from_begin_to_end(monkeypatch) -> None:
    """The standard library's parser searches the rest of the text at each sign of a tag: 30 kB took ten seconds."""
    assert text_of_html("<p>3 < 4 &amp; 5</p><a <a <a") == "\n3 < 4 & 5"
    assert text_of_html("<meta charset=latin-1><p>né</p><!-- a <!-- b") == "\nné"
    assert "html.parser" not in vars(mail_body) and not text_of_html("  ")
    deep = "<div>" * 5000 + "far in"
    assert text_of_html(deep).strip() == "far in"


def test_a_message_of_very_many_parts_within_parts_is_quarantined(tmp_path: Path) -> None:
    depth = 3000
    lines = [f'Content-Type: multipart/mixed; boundary="b{i}"\n\n--b{i}\n' for i in range(depth)]
    nested = HEAD + "".join(lines) + "Content-Type: text/plain\n\nDeep.\n"
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": nested, "b.txt": "good"})), tmp_path)
    assert result.ids == ["books/b.txt#0"]
    ((uri, position, reason),) = result.reasons
    assert (uri, position) == ("a.eml", 0) and "too deep" in reason
    assert result.quarantine[0]["raw"].startswith(b"From: ida")


def test_a_header_that_is_long_is_not_parsed_for_addresses(tmp_path: Path, monkeypatch) -> None:
    from email import _header_value_parser

    parsed = list[int]()
    parse = _header_value_parser.get_address_list
    monkeypatch.setattr(
        _header_value_parser, "get_address_list", lambda value: parsed.append(len(value)) or parse(value)
    )
    message = f"To: {chr(34) * 5000} =?utf-8?q?B=C3=B8?= <bo@example.org>\n{HEAD}\nA word.\n"
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": message})), tmp_path)
    headers = json.loads(result.documents[0]["metadata"])
    assert headers["to"].endswith("Bø <bo@example.org>") and headers["from"] == "ida@example.org"
    assert max(parsed) < 1000


INNER = "From: karl@example.org\nSubject: t\nContent-Type: text/plain\n\nThe boat leaves from the {} pier."


@pytest.mark.parametrize(
    "headers", ["Content-Type: message/rfc822", "Content-Type: message/rfc822\nContent-Disposition: attachment"]
)
def test_a_forwarded_message_is_read_in_its_place_and_noted(tmp_path: Path, headers: str) -> None:
    body = multipart("mixed", ("Content-Type: text/plain", "See below."), (headers, INNER.format("old")))
    files = {"a.eml": HEAD + body}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert result.texts == {"a.eml#0": "See below.\n\nThe boat leaves from the old pier."}
    assert any(note.startswith(f"{mail_body.FORWARDED}: 1 in 1 file") for note in result.stats.notes)


def test_all_messages_of_a_digest_are_read(tmp_path: Path) -> None:
    digest = multipart("digest", *(("Content-Type: message/rfc822", INNER.format(name)) for name in ("old", "new")))
    assert text_of(tmp_path, digest) == "The boat leaves from the old pier.\n\nThe boat leaves from the new pier."


def test_text_files_attached_to_mail_are_noted_and_other_kinds_of_text_read(tmp_path: Path) -> None:
    parts = [
        ("Content-Type: text/markdown", "# Minutes"),
        ("Content-Type: text/enriched", "<bold>All</bold> agreed."),
        ("Content-Type: text/calendar", "BEGIN:VCALENDAR"),
        ("Content-Type: text/plain\nContent-Disposition: attachment; filename=log.txt", "0 errors"),
    ]
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": HEAD + multipart("mixed", *parts)})), tmp_path)
    assert result.texts == {"a.eml#0": "# Minutes\n\nAll agreed."}
    assert any(note.startswith(f"{mail_body.ATTACHED}: 1 in 1 file") for note in result.stats.notes)


def test_base64_that_is_cut_off_is_never_taken_for_the_text(tmp_path: Path) -> None:
    encoded = base64.b64encode(b"The path is steep. " * 9).decode()
    head = "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"
    assert text_of(tmp_path, head + encoded[:81]).startswith("The path is steep. The path")


@pytest.mark.parametrize(
    "before", ["\ufeff", "\n\n", "1234\n", "From a@b Tue Jan  2 10:00:00 2024\n", "\ufeff\n"], ids=repr
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_is_stored_before_the_headers_makes_them_no_text(tmp_path: Path, before: str, encoding: str) -> None:
    raw = (before + HEAD + "\nThe path is steep.").encode(encoding)
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": raw})), tmp_path)
    assert result.texts == {"a.eml#0": "The path is steep."}
    assert json.loads(result.documents[0]["metadata"])["subject"] == "s"


@pytest.mark.parametrize("head", ["", "Subject: Re: a\n", "In-Reply-To: <a@b>\n"])
def test_quotations_that_no_header_explains_are_left_out_and_noted(tmp_path: Path, head: str) -> None:
    message = f"From: ida@example.org\n{head}\nType this:\n\n> make\n> make install\n\nand wait."
    notes = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": message})), tmp_path).stats.notes
    assert any(note.startswith(f"{mail_body.QUOTED}: 2 in 1 file") for note in notes) == (not head)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_subject_in_plain_bytes_is_read(tmp_path: Path, encoding: str) -> None:
    message = "Subject: Die Fähre verläßt früh den Hafen\n\nThe path is steep.".encode(encoding)
    (row,) = ingest_newest(config_of(write(tmp_path / "in", {"a.eml": message})), tmp_path).documents
    assert json.loads(row["metadata"])["subject"] == "Die Fähre verläßt früh den Hafen"


def test_an_endless_list_of_parameters_takes_no_time(tmp_path: Path) -> None:
    started = time.process_time()
    assert (
        text_of(tmp_path, f"Content-Type: text/plain{'; a=b' * 20_000}\n\nThe path is steep.") == "The path is steep."
    )
    assert time.process_time() - started < 4  # 8 seconds where all of them are parsed
