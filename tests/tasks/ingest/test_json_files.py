"""JSON as people have it: an array, one object, several; in pieces; broken in every place."""

import io
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.ingest.lines import MIB
from tasks.ingest.read.lenient_json import LONE_SURROGATES, NOT_A_NUMBER
from tasks.ingest.sources import IngestConfig
from tasks.json_values import BrokenValue, json_values
from tests.tasks.corpora import config_of, ingest_newest, write

RECORDS = [{"text": "one, [two]", "n": 1}, {"text": 'a "quote" and \\ more', "id": "x"}, {"text": "ünï \U0001f600"}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class Dribble(io.StringIO):
    """A file that gives three characters at a time, whatever size is requested."""

    def read(self, size: int | None = -1) -> str:
        return super().read(3)


@given(st.lists(JSON, max_size=5), st.sampled_from([None, 1]), st.sampled_from([io.StringIO, Dribble]))
def test_values_are_those_of_the_array_whatever_its_layout_and_the_size_of_reads(values, indent, kind):
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    assert [json.loads(value) for value in json_values(kind(text), MIB) if not isinstance(value, BrokenValue)] == values


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORDS, ensure_ascii=False),
        json.dumps(RECORDS, indent=4),
        "\ufeff" + json.dumps(RECORDS) + "\r\n",
        "\n".join(json.dumps(record) for record in RECORDS),
        ",\n".join(json.dumps(record) for record in RECORDS),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_records_are_read_from_an_array_and_from_one_after_another(tmp_path: Path, text: str, encoding: str):
    raw = text.removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding)
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents] == [record["text"] for record in RECORDS]
    assert result.ids == ["books/a.json#0", "books/x", "books/a.json#2"]
    fields = json.loads(result.documents[0]["metadata"])
    assert fields == {"n": 1} | ({} if encoding == "utf-8" else {"encoding": encoding})


def test_one_object_is_one_record_and_any_other_kind_is_reported(tmp_path: Path):
    files = {"a.json": '{"text": "good"}', "b.json": '{"name": "x"}', "c.json": "12", "d.json": ""}
    folder = write(tmp_path / "in", files)
    result = ingest_newest(config_of(folder), tmp_path)
    assert [row["text"] for row in result.documents] == ["good"]
    assert result.reasons == [
        ("b.json", 0, "no field 'text', only 'name'"),
        ("c.json", 0, "the number 12 in place of an object"),
        ("d.json", 0, "empty file"),
    ]


@pytest.mark.parametrize(
    ("broken", "kept", "message"),
    [
        ('[{"text": "a"}, {"text": "b"}', 2, "the array has no end"),
        ('[{"text": "a"}, {"text": "b', 1, "unreadable from here on: Unterminated string"),
        ('[{"text": "a"} nonsense', 1, "Expecting value"),
        ('[{"text": "a"}, ' + '{"t": ' * 100_000, 1, "unreadable from here on"),
    ],
)
def test_a_broken_file_keeps_what_came_before_and_says_where_it_broke(
    tmp_path: Path, broken: str, kept: int, message: str
):
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": broken, "b.json": '{"text": "z"}'})), tmp_path)
    assert [row["text"] for row in result.documents] == [*"ab"[:kept], "z"]
    ((uri, position, reason),) = result.reasons
    assert (uri, position) == ("a.json", kept)
    assert message in reason


LAYOUTS = {
    "lines of an array": lambda records: "[" + ",\n".join(records) + "]",
    "one line": lambda records: "[" + ", ".join(records) + "]",
    "no blanks": lambda records: "[" + ",".join(records) + "]",
    "indented": lambda records: (
        "[\n  " + ",\n  ".join(r.replace("{", "{\n    ").replace("}", "\n  }") for r in records) + "\n]"
    ),
    "objects alone": "\n".join,
}
BREAK = {
    "an unescaped mark": lambda record: record.replace("ferry", 'fer"ry'),
    "no closing mark": lambda record: record.replace('late."', "late."),
    "a comma too many": lambda record: record.replace("}", ",}"),
    "no value": lambda record: record.replace('"number": 1', '"number": '),
    "a word": lambda record: record.replace('"number": 1', '"number": None'),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fault", BREAK)
@pytest.mark.parametrize("broken", [0, 10, 499])
def test_a_broken_record_costs_itself_wherever_it_stands(layout: str, fault: str, broken: int) -> None:
    records = [json.dumps({"number": 1, "text": f"The ferry {i} is late."}) for i in range(500)]
    records[broken] = BREAK[fault](records[broken])
    values = list(json_values(io.StringIO(LAYOUTS[layout](records)), MIB))
    assert isinstance(values.pop(broken), BrokenValue)
    good = [json.loads(value)["text"] for value in values if isinstance(value, str)]
    assert good == [f"The ferry {i} is late." for i in range(500) if i != broken]


@pytest.mark.parametrize("layout", ["lines of an array", "objects alone"])
@pytest.mark.parametrize("broken", [0, 10, 499])
def test_a_record_without_an_end_costs_itself_where_each_has_a_line(layout: str, broken: int) -> None:
    records = [json.dumps({"number": 1, "text": f"The ferry {i} is late."}) for i in range(500)]
    records[broken] = records[broken][:-4]
    values = list(json_values(io.StringIO(LAYOUTS[layout](records)), MIB))
    assert isinstance(values.pop(broken), BrokenValue)
    good = [json.loads(value)["text"] for value in values if isinstance(value, str)]
    assert good == [f"The ferry {i} is late." for i in range(500) if i != broken]


def test_arrays_one_after_another_are_read_as_one(tmp_path: Path) -> None:
    raw = '[{"text": "one"}]\n[{"text": "two"}, {"text": "three"}]'
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents] == ["one", "two", "three"]


def test_half_a_character_of_utf16_costs_its_place_only(tmp_path: Path) -> None:
    raw = '\ufeff[{"text": "a b"}, {"text": "two"}]'.encode("utf-16-le").replace(b"a\0 \0b", b"a\0\x00\xd8b")
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents] == ["a\ufffdb", "two"]


def test_control_characters_in_strings_are_text(tmp_path: Path) -> None:
    raw = '[{"text": "one\ttwo"}, {"text": "three\nfour"}]'
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents] == ["one\ttwo", "three\nfour"]


def test_a_value_that_python_writes_costs_no_record_and_is_noted(tmp_path: Path) -> None:
    score = [float("nan"), float("inf"), 1.5]
    lines = "".join(json.dumps({"text": f"The NaN number {i}.", "score": x}) + "\n" for i, x in enumerate(score))
    lines = lines.replace("Infinity", "1e999")
    files = {
        "a.jsonl": lines,
        "b.json": f"[{lines.strip().replace(chr(10), ',')}]",
        "c.jsonl": '{"text": "late \\ud83d."}',
    }
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    assert [row["text"] for row in result.documents] == [f"The NaN number {i}." for i in range(3)] * 2 + [
        "late \ufffd."
    ]
    assert [json.loads(row["metadata"])["score"] for row in result.documents[:3]] == [None, None, 1.5]
    assert f"{NOT_A_NUMBER}: 4 in 2 files (books: a.jsonl, books: b.json)" in result.stats.notes
    assert f"{LONE_SURROGATES}: 1 in 1 file (books: c.jsonl)" in result.stats.notes


def test_the_share_of_bytes_behind_a_break_stops_a_run(tmp_path: Path) -> None:
    records = [json.dumps({"text": f"The ferry {i} is late."}) for i in range(500)]
    records[10:] = [record.replace('"text"', "text") for record in records[10:]]
    folder = write(tmp_path / "in", {"a.json": f"[{','.join(records)}]", "b.txt": "The ferry is late. " * 99})
    strict = IngestConfig.model_validate({"sources": {"books": {"kind": "folder", "path": folder}}})
    with pytest.raises(UserError, match=r"16\.1 kB of 18\.3 kB behind broken records cannot be read"):
        ingest_newest(strict, tmp_path)
    (reason,) = [reason for *_, reason in ingest_newest(config_of(folder), tmp_path / "lenient").reasons]
    assert reason.startswith("unreadable from here on: Expecting property name") and "kB are not read" in reason


def test_time_is_linear_in_broken_records() -> None:
    def seconds(count: int) -> float:
        text = "[" + ",".join(['{"a": [', '{"a": "x"}'] * count) + "]"
        began = time.process_time()
        assert any(isinstance(value, BrokenValue) for value in json_values(io.StringIO(text), 32 * MIB))
        return time.process_time() - began

    seconds(100)
    assert seconds(40_000) < 20 * seconds(4000) + 0.5


def test_a_number_longer_than_python_reads_costs_its_record_at_most(tmp_path: Path):
    raw = f'[{{"text": "a", "n": {"9" * 5000}}}, {{"text": "b"}}]'
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents][-1] == "b"
    assert len(result.documents) + len(result.reasons) == 2


def test_settings_in_files_of_one_object_are_reported_and_stop_nothing(tmp_path: Path):
    files = {f"{n}.md": f"Text {n}." for n in range(30)} | {f"{n}/package.json": '{"name": "x"}' for n in range(15)}
    source = {"kind": "folder", "path": write(tmp_path / "in", files)}
    result = ingest_newest(IngestConfig.model_validate({"sources": {"books": source}}), tmp_path)
    assert (len(result.documents), len(result.reasons)) == (30, 15)
    many = {"a.json": json.dumps([{"name": "x"}] * 15)}  # rows without text are a fault
    source = {"kind": "folder", "path": write(tmp_path / "rows", files | many)}
    with pytest.raises(UserError, match="15 of 60 records cannot be read"):
        ingest_newest(IngestConfig.model_validate({"sources": {"books": source}}), tmp_path / "other")


def test_bytes_that_are_no_text_and_lone_surrogates_cost_their_record_only(tmp_path: Path):
    raw = b'[{"text": "good"}, {"text": "caf\xe9\xff\xfe"}, {"text": "\\ud800"}, {"text": "fine"}]'
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.json": raw})), tmp_path)
    assert [row["text"] for row in result.documents] == ["good", "fine"]
    assert [position for _, position, _ in result.reasons] == [1, 2]
    assert "invalid UTF-8" in result.reasons[0][2]


def test_memory_for_a_value_that_never_ends_stays_within_the_limit():
    class Endless(io.StringIO):
        given = 0

        def read(self, size: int | None = -1) -> str:
            assert size is not None
            self.given += size
            return "x" * size

    endless = Endless()
    chained = iter(['[{"text": "'])
    read = endless.read
    endless.read = lambda size=-1: next(chained, None) or read(size)  # type: ignore[method-assign]
    (broken,) = json_values(endless, 4 * MIB)
    assert isinstance(broken, BrokenValue) and "no whole value in max_record_bytes = 4,194,304" in broken.fault
    assert endless.given <= 16 * MIB


@pytest.mark.parametrize("text", ["[-Infinity]", "[1, -Infinity]", "[Infinity]", "[NaN]", "[false, null]"])
def test_a_word_that_a_read_cuts_is_no_fault(text):
    assert not any(isinstance(value, BrokenValue) for value in json_values(Dribble(text), MIB))
