"""JSON Lines as programs write them: in other encodings, over several lines, with numbers that 64 bits do not hold."""

import gzip
import json
from pathlib import Path

import pytest

from tasks.ingest.read.encodings import NULS
from tasks.ingest.read.lenient_json import LARGE_NUMBERS, LONE_SURROGATES, TWICE
from tests.tasks.corpora import IngestResult, config_of, ingest_newest, write

RECORDS = [{"id": f"r{n}", "text": f"Die Fähre {n} verläßt früh den Hafen.", "n": n} for n in range(9)]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS)
LAYOUTS = {
    "an array in one line": json.dumps(RECORDS),
    "an array over lines": json.dumps(RECORDS, indent=1),
    "objects over lines": "\n".join(json.dumps(record, indent=2) for record in RECORDS),
    "commas behind the lines": ",\n".join(map(json.dumps, RECORDS)) + ",\n",
    "carriage returns": LINES.replace("\n", "\r"),
    "record separators": "".join(f"\x1e{line}\n" for line in LINES.splitlines()),
    "one after another": LINES.replace("\n", ""),
}


def ingest_lines(tmp_path: Path, raw: bytes, name: str = "a.jsonl") -> IngestResult:
    return ingest_newest(config_of(write(tmp_path / "in", {name: raw})), tmp_path)


def texts(result: IngestResult) -> list[str]:
    assert result.ids == [f"books/{record['id']}" for record in RECORDS]
    return [row["text"] for row in result.documents]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_read_in_the_encoding_that_they_are_in(tmp_path: Path, encoding: str, packed: bool) -> None:
    raw = LINES.encode(encoding)
    result = ingest_lines(tmp_path, gzip.compress(raw) if packed else raw, "a.jsonl.gz" if packed else "a.jsonl")
    assert texts(result) == [record["text"] for record in RECORDS]
    assert "encoding" in json.loads(result.documents[0]["metadata"]) or encoding == "utf-8-sig"


def test_half_a_character_in_utf16_is_replaced_and_noted(tmp_path: Path) -> None:
    raw = LINES.replace("Hafen", "Ha\ud83dfen").encode("utf-16", "surrogatepass")
    result = ingest_lines(tmp_path, raw + b"a")
    assert texts(result) == [record["text"].replace("Hafen", "Ha\ufffdfen") for record in RECORDS]
    assert any(note.startswith(f"{LONE_SURROGATES}: 9 in 1 file") for note in result.stats.notes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_records_that_are_no_lines_are_read_by_their_values(tmp_path: Path, layout: str) -> None:
    result = ingest_lines(tmp_path, LAYOUTS[layout].encode())
    assert texts(result) == [record["text"] for record in RECORDS] and not result.quarantine


def test_what_is_left_of_a_broken_array_is_counted(tmp_path: Path) -> None:
    result = ingest_lines(tmp_path, (json.dumps(RECORDS)[:-2] + " " * 50).encode())
    assert len(result.documents) == 8 and "B are not read" in result.quarantine[0]["reason"]


def test_numbers_above_64_bits_are_kept_digit_by_digit(tmp_path: Path) -> None:
    line = (
        b'{"id": 123456789012345678901234567890, "text": "One.", "n": 18446744073709551615, "m": -9999999999999999999}'
    )
    result = ingest_lines(tmp_path, line)
    assert result.ids == ["books/123456789012345678901234567890"]
    assert json.loads(result.documents[0]["metadata"]) == {"n": 18446744073709551615, "m": "-9999999999999999999"}
    assert any(note.startswith(f"{LARGE_NUMBERS}: 2 in 1 file") for note in result.stats.notes)


def test_a_text_that_stands_twice_and_a_nul_in_one_are_noted(tmp_path: Path) -> None:
    result = ingest_lines(tmp_path, b'{"text": "One.", "text": "Two."}\n{"text": "Th\\u0000ree."}')
    assert [row["text"] for row in result.documents] == ["Two.", "Th\ufffdree."]
    assert {note.partition(":")[0] for note in result.stats.notes} == {TWICE.partition(":")[0], NULS}
