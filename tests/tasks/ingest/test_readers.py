"""Bad input: never a traceback, never a silent skip; a quarantine row with file, position and reason."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest.lines import LongLine, lines
from tests.tasks.corpora import compress, config_of, ingest_newest, jsonl, write

GOOD = {"text": "A good record."}


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def stream(*batches: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue()


BAD_LINES = {
    "invalid UTF-8": (b'{"text": "caf\xe9\xff\xfe"}', "invalid UTF-8 at byte 13 (0xe9)"),
    "NUL bytes": (b'{"text": "a\0\0b"}', "NUL byte"),
    "escaped NULs": (b'{"text": "a\\u0000\\u0000b"}', "NUL byte"),
    "lone surrogate": (b'{"text": "\\ud800"}', "no text but U+FFFD"),
    "no JSON": (b"{'text': 1}", "not JSON"),
    "cut JSON": (b'{"text": "abc', "not JSON"),
    "NaN": (b'{"text": NaN}', "'text' is null, not a string"),
    "NaN among no JSON": (b'{"text": "a", "score": NaN', "not JSON"),
    "deep JSON": (b'{"text": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON: depth limit exceeded"),
    "deep metadata": (b'{"text": "a", "x": ' + b"[" * 600 + b"]" * 600 + b"}", "metadata that cannot be stored"),
    "a list": (b'["text"]', "a list in place of an object"),
    "a number": (b"7", "the number 7 in place of an object"),
    "no text": (b'{"body": "a"}', "no field 'text', only 'body'"),
    "text null": (b'{"text": null}', "'text' is null, not a string"),
    "text a number": (b'{"text": 7}', "'text' is the number 7, not a string"),
    "text a list": (b'{"text": ["a"]}', "'text' is a list, not a string"),
    "empty text": (b'{"text": ""}', "empty text"),
    "blank text": (b'{"text": " \\n\\t "}', "empty text"),
}


@pytest.mark.parametrize("bad", BAD_LINES)
def test_a_bad_line_is_quarantined_and_its_neighbours_are_read(tmp_path: Path, bad: str) -> None:
    line, reason = BAD_LINES[bad]
    folder = write(tmp_path / "in", {"a.jsonl": jsonl(GOOD, line, GOOD)})
    result = ingest_newest(config_of(folder), tmp_path)
    assert result.ids == ["books/a.jsonl#0", "books/a.jsonl#2"]
    assert [(row["uri"], row["position"]) for row in result.quarantine] == [("a.jsonl", 1)]
    assert result.quarantine[0]["reason"].startswith(reason)
    assert result.quarantine[0]["raw"] == line[: 64 << 10]
    assert result.stats.funnel is not None and (result.stats.funnel.kept, result.stats.funnel.quarantined) == (2, 1)


@pytest.mark.parametrize("unusable", [[1], True, 1.5, {"a": 1}])
def test_a_record_whose_id_is_no_name_is_named_by_its_position_and_keeps_the_id(
    tmp_path: Path, unusable: object
) -> None:
    folder = write(tmp_path / "in", {"a.jsonl": jsonl(GOOD | {"id": unusable}, GOOD | {"id": 7})})
    result = ingest_newest(config_of(folder), tmp_path)
    assert result.ids == ["books/a.jsonl#0", "books/7"]
    assert [json.loads(row["metadata"]) for row in result.documents] == [{"id": unusable}, {}]


def test_a_column_of_ids_with_gaps_costs_no_row(tmp_path: Path) -> None:
    table = pa.table({"id": [1.0, None, float("nan")], "text": ["one", "two", "three"]})
    folder = write(tmp_path / "in", {"t.parquet": parquet(table)})
    assert len(ingest_newest(config_of(folder), tmp_path).documents) == 3


BAD_TEXTS = {
    "invalid UTF-8": (b"caf\xe9\xff\xfe au lait", "invalid UTF-8 at byte 3 (0xe9)"),
    "broken UTF-16": ("\ufefftext".encode("utf-16-le") + b"\0\xd8" * 3, "invalid utf-16"),
    "UTF-16 unmarked": ("text".encode("utf-16-le"), "NUL byte"),
    "NUL byte": (b"a\0b", "NUL byte"),
    "empty": (b"", "empty file"),
    "blank": (b" \n\n ", "empty text"),
    "too long for UTF-16": (("\ufeff" + "x" * 2049).encode("utf-16-le"), "UTF-16 text of more than max_record_bytes"),
}


@pytest.mark.parametrize("bad", BAD_TEXTS)
def test_a_bad_text_file_is_quarantined(tmp_path: Path, bad: str) -> None:
    content, reason = BAD_TEXTS[bad]
    folder = write(tmp_path / "in", {"a.txt": "good", "b.txt": content, "c.md": "good"})
    result = ingest_newest(config_of(folder, max_record_bytes=2048), tmp_path)
    assert result.ids == ["books/a.txt#0", "books/c.md#0"]
    ((uri, position, message),) = result.reasons
    assert (uri, position) == ("b.txt", 0)
    assert message.startswith(reason)


TABLE = pa.table({"text": [f"text {i}" for i in range(2000)], "n": list(range(2000))})


def test_a_parquet_bomb_is_abandoned(tmp_path: Path) -> None:
    table = pa.table({"text": ["x" * (1 << 20)] * 80})
    bomb = parquet(table, use_dictionary=False, compression="zstd")
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.txt": "a", "b.parquet": bomb})), tmp_path)
    assert result.ids == ["books/a.txt#0"]
    assert "it unpacks to more than 200 times" in result.reasons[0][2]


def test_a_line_of_200_mb_is_quarantined_in_bounded_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "in", {"a.jsonl": jsonl(GOOD)}) / "a.jsonl"
    with path.open("ab") as file:
        file.write(b'{"text": "')
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n' + jsonl(GOOD))
    script = (
        "import resource, sys; from pathlib import Path; from tests.tasks.corpora import *\n"
        "write(Path(sys.argv[1]) / 'warm', {'a.jsonl': jsonl({'text': 'a'})})\n"
        "ingest_newest(config_of(Path(sys.argv[1]) / 'warm'), Path(sys.argv[1]) / 'warm home')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "result = ingest_newest(config_of(Path(sys.argv[1]) / 'in'), Path(sys.argv[1]))\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(json.dumps([after - before, result.ids, result.reasons, len(result.quarantine[0]['raw'])]))"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    grown_kib, ids, reasons, raw = json.loads(ran.stdout)
    assert ids == ["books/a.jsonl#0", "books/a.jsonl#2"]
    assert reasons == [["a.jsonl", 1, "a line of 200,000,012 bytes: more than max_record_bytes = 33,554,432"]]
    assert raw == 64 << 10
    assert grown_kib < 120 << 10


@given(st.lists(st.binary(max_size=12), max_size=8), st.integers(1, 6), st.integers(1, 9))
def test_lines_are_those_of_split_whatever_the_blocks(pieces: list[bytes], size: int, limit: int) -> None:
    whole = b"\n".join(pieces)
    blocks = (whole[i : i + size] for i in range(0, len(whole), size))
    ours = list(lines(blocks, limit))
    expected = whole.split(b"\n")
    expected = expected[:-1] if expected[-1] == b"" else expected
    assert [LongLine(line, len(line)) if len(line) > limit else line for line in expected] == ours


def test_rows_of_a_table_are_read_with_their_metadata(tmp_path: Path) -> None:
    table = pa.table(
        {"text": ["one", "", "three"], "year": [1, 2, 3], "blob": [b"\xff", b"", b"x"], "id": ["a", "b", "c"]}
    )
    result = ingest_newest(config_of(write(tmp_path / "in", {"t.parquet": parquet(table)})), tmp_path)
    assert result.ids == ["books/a", "books/c"]
    assert result.reasons == [("t.parquet", 1, "empty text")]
    assert [row["position"] for row in result.documents] == [0, 2]
    assert json.loads(result.documents[1]["metadata"]) == {"year": 3, "blob": "x"}


def test_a_column_of_the_wrong_type_is_reported_row_by_row(tmp_path: Path) -> None:
    table = pa.table({"text": [1, 2]})
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.txt": "a", "t.parquet": parquet(table)})), tmp_path)
    assert [reason for *_, reason in result.reasons] == [f"'text' is the number {n}, not a string" for n in (1, 2)]


def test_an_invalid_string_of_a_table_costs_its_row_only(tmp_path: Path) -> None:
    texts = pa.array([b"good", b"caf\xe9", b"fine"], pa.binary()).view(pa.string())
    batch = pa.RecordBatch.from_arrays([texts], ["text"])
    result = ingest_newest(config_of(write(tmp_path / "in", {"s.arrow": stream(batch)})), tmp_path)
    assert result.ids == ["books/s.arrow#0", "books/s.arrow#2"]
    ((uri, position, reason),) = result.reasons
    assert (uri, position) == ("s.arrow", 1)
    assert reason.startswith("a value that cannot be read: In column 0: Invalid: Invalid UTF8")


def test_a_dataset_saved_on_disk_is_read(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    rows = Dataset.from_dict({"text": ["one", "two", "three"], "label": [0, 1, 1]})
    DatasetDict({"train": rows, "test": rows.select([1])}).save_to_disk(tmp_path / "in")
    result = ingest_newest(config_of(tmp_path / "in"), tmp_path)
    assert [row["text"] for row in result.documents] == ["two", "one", "two", "three"]
    assert result.ids[1] == "books/train/data-00000-of-00001.arrow#0"
    assert json.loads(result.documents[0]["metadata"]) == {"label": 1}
    unread = json.loads((result.folder / "unread.json").read_text())
    assert unread["books"][".json"]["files"] == 5


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "A.JSONL.GZ"])
def test_lines_are_read_plain_and_compressed_with_a_byte_order_mark_and_any_line_ends(
    tmp_path: Path, name: str
) -> None:
    content = b"\xef\xbb\xbf" + b'{"text": "one"}\r\n\n{"text": "two"}'
    whole = content if name.endswith("l") else compress(name.lower(), content)
    result = ingest_newest(config_of(write(tmp_path / "in", {name: whole})), tmp_path)
    assert [(row["text"], row["position"]) for row in result.documents] == [("one", 0), ("two", 2)]
    assert result.quarantine == []


def test_packed_files_of_several_members_are_read_to_the_end(tmp_path: Path) -> None:
    members = {n: compress(n, jsonl(GOOD)) + compress(n, jsonl(GOOD)) for n in ("a.jsonl.gz", "b.jsonl.zst")}
    assert len(ingest_newest(config_of(write(tmp_path / "in", members)), tmp_path).documents) == 4


def test_marks_special_tokens_and_invisible_characters_are_text(tmp_path: Path) -> None:
    texts = [
        "<|endoftext|><|user|>",
        "\u200f \u05e9\u05dc\u05d5\u05dd \u200b\u200d",
        "a\ufeffb\u2028c",
        "\U0001f469\u200d\U0001f680",
    ]
    folder = write(tmp_path / "in", {"a.jsonl": jsonl(*({"text": t} for t in texts)), "b.txt": b"\xef\xbb\xbfmarked"})
    result = ingest_newest(config_of(folder), tmp_path)
    assert [row["text"] for row in result.documents] == [*texts, "marked"]


def test_files_stay_readable_whatever_their_names(tmp_path: Path) -> None:
    names = ["new\nline.txt", "🙂.txt", "a::b.txt", "s3:x.txt", "*[?].txt", "~/x.txt", "%2e%2e.txt"]
    result = ingest_newest(config_of(write(tmp_path / "in", dict.fromkeys(names, "text"))), tmp_path)
    assert sorted(row["uri"] for row in result.documents) == sorted(names)


def test_a_folder_of_any_name_can_be_read(tmp_path: Path) -> None:
    result = ingest_newest(config_of(write(tmp_path / "a::b file:" / "[x]", {"a.jsonl": jsonl(GOOD)})), tmp_path)
    assert result.ids == ["books/a.jsonl#0"]
