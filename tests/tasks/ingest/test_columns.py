"""Parquet and Arrow: only the text decides over a row, and a small file is no large corpus."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest import lines
from tasks.ingest.read import columnar
from tasks.ingest.read.column_bytes import FIXED_BYTES, row_bytes
from tasks.ingest.read.columnar import BYTES_AT_ONCE, ROWS_AT_ONCE, ParquetFiles, _spans
from tasks.ingest.read.ipc_bytes import unpacked_bytes
from tests.tasks.corpora import IngestResult, config_of, ingest_newest, write
from tests.tasks.ingest.test_readers import parquet, stream

TEXTS = [f"Boat {i} is late." for i in range(20)]
MIB = 1 << 20


def read(tmp_path: Path, content: bytes, name: str = "t.parquet", **settings: object) -> IngestResult:
    folder = write(tmp_path / "in", {"a.txt": "good", name: content})
    return ingest_newest(config_of(folder, **settings), tmp_path)


def metadata(result: IngestResult) -> list[dict]:
    return [json.loads(row["metadata"]) for row in result.documents[1:]]


OUT_OF_PYTHON = {
    "time zone": (pa.array([0] * 20, pa.timestamp("us", tz="tzlocal()")), "1970-01-01 00:00:00.000000Z"),
    "year 10000": (pa.array([253402300800000] * 20, pa.timestamp("ms")), "10000-01-01 00:00:00.000"),
    "duration": (pa.array([1 << 62] * 20, pa.duration("s")), str(1 << 62)),
}


@pytest.mark.parametrize("kind", OUT_OF_PYTHON)
def test_a_value_that_python_cannot_hold_costs_no_row(tmp_path: Path, kind: str) -> None:
    column, spelling = OUT_OF_PYTHON[kind]
    result = read(tmp_path, parquet(pa.table({"text": TEXTS, "when": column})))
    assert [row["text"] for row in result.documents[1:]] == TEXTS and not result.quarantine
    assert metadata(result) == [{"when": spelling}] * 20
    assert any("'when': 20 in 1 file (books: t.parquet)" in note for note in result.stats.notes)


def test_one_value_of_a_column_that_cannot_be_held_changes_no_other(tmp_path: Path) -> None:
    when = pa.array([0, 253402300800000, 0], pa.timestamp("ms"))
    result = read(tmp_path, parquet(pa.table({"text": TEXTS[:3], "when": when})))
    assert [row["when"] for row in metadata(result)] == [
        "1970-01-01T00:00:00",
        "10000-01-01 00:00:00.000",
        "1970-01-01T00:00:00",
    ]


def test_an_invalid_value_of_metadata_is_left_out_and_reported(tmp_path: Path) -> None:
    names = pa.array([b"ok", b"caf\xe9", b"fine"], pa.binary()).view(pa.string())
    result = read(tmp_path, stream(pa.RecordBatch.from_arrays([pa.array(TEXTS[:3]), names], ["text", "by"])), "t.arrow")
    assert [row["by"] for row in metadata(result)] == ["ok", None, "fine"] and not result.quarantine
    assert any("cannot be read" in note and "'by': 1 in 1 file" in note for note in result.stats.notes)


def test_text_in_a_column_of_bytes_is_text(tmp_path: Path) -> None:
    raw = pa.array(
        [text.encode() for text in TEXTS[:2]] + ["A café isn".encode() + b"\x92t far.", b"\xff\xd8\xff\xe0\0"]
    )
    ids = pa.array([b"a", b"b", b"c", b"d"])
    result = read(tmp_path, parquet(pa.table({"text": raw, "id": ids})))
    assert result.texts == {"a.txt#0": "good", "a": TEXTS[0], "b": TEXTS[1], "c": "A café isn’t far."}
    ((_, position, reason),) = result.reasons
    assert position == 3 and "not a string" in reason


def test_pictures_among_the_metadata_are_left_out_and_reported(tmp_path: Path) -> None:
    picture = b"\x89PNG\xff\xfe"
    table = pa.table({"text": TEXTS[:2], "image": [{"bytes": picture, "path": "a.png"}] * 2, "thumb": [picture, b"ok"]})
    result = read(tmp_path, parquet(table))
    images = [{"bytes": None, "path": "a.png"}] * 2
    assert [row["image"] for row in metadata(result)] == images
    assert [row["thumb"] for row in metadata(result)] == [None, "ok"]
    notes = [note for note in result.stats.notes if "bytes that are no text" in note]
    assert ["'image': 2 in" in notes[0], "'thumb': 1 in" in notes[1]] == [True, True]


@pytest.mark.parametrize("error", [RuntimeError("odd"), MemoryError(), KeyError("zone")])
def test_whatever_is_raised_in_reading_a_table_names_the_file(tmp_path: Path, monkeypatch, error: Exception) -> None:
    def batches(self: ParquetFiles, file: object, size: int):
        yield pa.RecordBatch.from_pydict({"text": TEXTS[:2]})
        raise error

    monkeypatch.setattr(ParquetFiles, "batches", batches)
    result = read(tmp_path, b"PAR1")
    assert len(result.documents) == 3
    ((uri, position, reason),) = result.reasons
    assert (uri, position) == ("t.parquet", 2) and reason.startswith("unreadable from here on: ")


def shared(text: str, rows: int) -> pa.Array:
    """An array that stores a text once and has it in every row."""
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([text]))


def prefixed(text: str, rows: int) -> bytes:
    table = pa.table({"text": [f"{text}{i}" for i in range(rows)]})
    return parquet(table, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}, compression="zstd")


TEXT = "row " * (MIB // 16)
BOMBS = {
    "dictionary in Parquet": ("t.parquet", lambda: parquet(pa.table({"text": shared(TEXT, 3000)}))),
    "dictionary in Arrow": ("t.arrow", lambda: stream(pa.RecordBatch.from_arrays([shared(TEXT, 3000)], ["text"]))),
    "common beginnings": ("t.parquet", lambda: prefixed(TEXT, 300)),
    "metadata": (
        "t.parquet",
        lambda: parquet(pa.table({"text": ["short"] * 3000, "page": shared(TEXT, 3000)})),
    ),
    "runs": (
        "t.arrow",
        lambda: stream(
            pa.RecordBatch.from_arrays(
                [pa.RunEndEncodedArray.from_arrays(pa.array([3000], pa.int32()), pa.array([TEXT]))], ["text"]
            )
        ),
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_rows_that_are_stored_once_count_each_time(tmp_path: Path, monkeypatch, kind: str) -> None:
    name, content = BOMBS[kind]
    monkeypatch.setattr(lines, "FREE_EXPANSION", 8 * MIB)
    decoded = list[int]()
    pieces = columnar.TableReader.rows
    monkeypatch.setattr(
        columnar.TableReader,
        "rows",
        lambda self, piece, *rest: decoded.append(piece.num_rows) or pieces(self, piece, *rest),
    )
    result = read(tmp_path, content(), name)
    assert sum(decoded) <= max(8 * MIB, 200 * (tmp_path / "in" / name).stat().st_size) // len(TEXT)
    assert [reason for *_, reason in result.reasons if "unreadable" not in reason] == []
    assert "it unpacks to more than 200 times" in result.reasons[-1][2] and result.reasons[-1][0] == name


def ipc(table: pa.Table, opened=pa.ipc.new_stream, compression: str | None = "zstd") -> bytes:
    sink = io.BytesIO()
    with opened(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize("opened", [pa.ipc.new_stream, pa.ipc.new_file])
@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_the_bytes_of_an_arrow_file_are_known_before_it_is_unpacked(opened, compression: str | None) -> None:
    numbers = np.arange(100_000)
    table = pa.table({"text": pa.array(["word " * 9] * 100_000), "n": numbers, "d": ["x"] * 100_000})
    content = ipc(table.set_column(2, "d", table["d"].combine_chunks().dictionary_encode()), opened, compression)
    assert unpacked_bytes(io.BytesIO(content)) == pytest.approx(100_000 * (45 + 4 + 8 + 4), rel=0.01)


def test_a_compressed_arrow_file_that_is_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lines, "FREE_EXPANSION", 4 * MIB)
    content = ipc(pa.table({"text": ["x" * (8 * MIB)]}))
    monkeypatch.setattr(pa.ipc, "open_stream", None)
    result = read(tmp_path, content, "t.arrow")
    ((_, position, reason),) = result.reasons
    assert position == 0 and "it unpacks to more than 200 times" in reason


def test_a_text_above_the_limit_is_quarantined_before_it_is_decoded(tmp_path: Path, monkeypatch) -> None:
    large = shared("x" * (2 * MIB), 1)
    result = read(tmp_path, stream(pa.RecordBatch.from_arrays([large], ["text"])), "t.arrow", max_record_bytes=2048)
    assert result.reasons == [("t.arrow", 0, "a text of 2,097,152 bytes: more than max_record_bytes = 2,048")]


@given(st.lists(st.integers(1, 3 * BYTES_AT_ONCE), max_size=600))
def test_rows_are_taken_by_their_bytes(sizes: list[int]) -> None:
    spans = list(_spans(np.array(sizes, np.int64)))
    assert [i for begin, end in spans for i in range(begin, end)] == list(range(len(sizes)))
    for begin, end in spans:
        assert end - begin == 1 or (sum(sizes[begin:end]) <= BYTES_AT_ONCE and end - begin <= ROWS_AT_ONCE)


VALUES = ["", "a", "bcd", None, "é" * 9]
LISTS = [["a", "bc"], [], None, ["defg"]]
ARRAYS = {
    "string": (pa.array(VALUES), [0, 1, 3, 0, 18]),
    "large": (pa.array(VALUES, pa.large_string()), [0, 1, 3, 0, 18]),
    "view": (pa.array(VALUES, pa.string_view()), [0, 1, 3, 0, 18]),
    "dictionary": (pa.array(VALUES).dictionary_encode(), [0, 1, 3, 0, 18]),
    "list": (pa.array(LISTS), [3 + 2 * FIXED_BYTES, 0, 0, 4 + FIXED_BYTES]),
    "list view": (pa.array(LISTS, pa.list_view(pa.string())), [3 + 2 * FIXED_BYTES, 0, 0, 4 + FIXED_BYTES]),
    "fixed list": (pa.array([["a", "b"], ["c", "de"]], pa.list_(pa.string(), 2)), [2 + 16, 3 + 16]),
    "map": (pa.array([[("k", "vw")], []], pa.map_(pa.string(), pa.string())), [3 + 3 * FIXED_BYTES, 0]),
    "struct": (pa.array([{"a": "bc", "n": 1}, {"a": "", "n": 2}]), [2 + 2 * FIXED_BYTES, 2 * FIXED_BYTES]),
    "number": (pa.array([1, None]), [0, 0]),
    "null": (pa.nulls(3), [0, 0, 0]),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_the_bytes_of_a_row_follow_from_lengths(kind: str) -> None:
    array, expected = ARRAYS[kind]
    beside = 0 if kind == "dictionary" else FIXED_BYTES
    expected = [size + FIXED_BYTES if kind == "dictionary" else size + beside for size in expected]
    if kind == "dictionary":
        expected[3] = FIXED_BYTES  # what stands for a missing value is the dictionary's first
    assert row_bytes(array).tolist() == expected
    assert row_bytes(array.slice(1)).tolist() == expected[1:]


def test_runs_are_as_large_as_their_rows() -> None:
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), pa.array(["abc", "d"]))
    assert row_bytes(runs.slice(1, 3)).tolist() == [3 + FIXED_BYTES, 1 + FIXED_BYTES, 1 + FIXED_BYTES]


def test_rows_without_any_column_are_reported(tmp_path: Path) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 2]}).select([]), sink)
    if pq.read_metadata(io.BytesIO(sink.getvalue())).num_rows:
        assert len(read(tmp_path, sink.getvalue()).reasons) == 2
