"""Text of double bytes with a byte too many, or too few: what is lost is the place, and never the rest of the line."""

import time
from pathlib import Path

import pytest

from tasks.ingest.read.double_bytes import resynchronise
from tasks.ingest.read.encodings import MIXED, NOT_IN_ENCODING, decode
from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.ingest.encoded_prose import EAST_ASIAN

CASES = [(kind, encoding) for kind, (names, _) in EAST_ASIAN.items() for encoding in names.split()]
SHIFTING = {"gb18030": "Chinese", "gbk": "Chinese in traditional characters", "euc_jp": "Japanese", "cp949": "Korean"}
# all bytes of these characters are beyond ASCII


@pytest.mark.parametrize(("kind", "encoding"), CASES)
def test_whole_text_stays_as_it_is(kind: str, encoding: str) -> None:
    text = EAST_ASIAN[kind][1] + "\n朱镕基 龘靐齉"
    raw = text.encode(encoding, errors="ignore")
    assert resynchronise(raw, encoding) == (raw.decode(encoding), 0)


@pytest.mark.parametrize("encoding", SHIFTING)
@pytest.mark.parametrize("damage", [b"\xb5", b"\xff", b""])
def test_a_byte_too_many_or_too_few_costs_its_place(tmp_path: Path, encoding: str, damage: bytes) -> None:
    text = EAST_ASIAN[SHIFTING[encoding]][1].replace("\n", "")[:80]
    at = len(text[:20].encode(encoding))
    raw = text.encode(encoding)
    damaged = raw[:at] + damage + raw[at + (not damage) :]
    rows = b"id;text\n" + b"".join(b"%d;%b\n" % (n, line) for n, line in enumerate([raw] * 5 + [damaged]))
    files = {"a.txt": (raw + b"\n") * 5 + damaged, "b.csv": rows}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    for row in (result.documents[0], result.documents[-1]):
        assert text[:19] in row["text"] and row["text"].endswith(text[24:])
    assert any(note.startswith(NOT_IN_ENCODING) and "in 2 files" in note for note in result.stats.notes)


def test_lines_of_utf8_among_double_bytes_are_read_as_what_they_are() -> None:
    old, new = EAST_ASIAN["Chinese"][1], "清晨的河面上还笼罩着一层薄雾。"
    decoded = decode(old.encode("gb18030") + b"\n" + new.encode())
    assert decoded[:2] == (f"{old}\n{new}", "gb18030") and decoded.repairs == {MIXED: 1}
    assert decode("联通\n".encode("gbk") * 2 + old.encode("gbk")).text == "联通\n" * 2 + old


def test_a_long_damaged_line_takes_linear_time() -> None:
    raw = ("的龘靐齉" * 8000).encode("gb18030")
    started = time.process_time()
    resynchronise(raw[1:], "gb18030")
    short = time.process_time() - started
    resynchronise(raw[1:] * 4, "gb18030")
    assert time.process_time() - started < 12 * short + 1
